"""The command line."""

# ruff: noqa: PLC0415 - each command imports what it needs, so that the small ones answer at once

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from randomchat import __version__

if TYPE_CHECKING:
    from randomchat.bootstrap.distributed import ServiceName

MISUSE = 2
"""The exit status where the person must change something before the command can work."""

ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="A YAML file of settings.")]

app = typer.Typer(
    help="Self-hosted, real-time random chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(help="Show and check the settings.", no_args_is_help=True)
app.add_typer(config_app, name="config")


def main() -> None:
    """Run the command that the arguments name."""
    app(prog_name="randomchat")


Host = Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 if nothing is set.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 8080 if nothing is set, 0 for a free one.")]


@app.command()
def up(
    host: Host = None,
    port: Port = None,
    data_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder of the database and of the secrets.")] = None,
    config: ConfigFile = None,
) -> None:
    """Serve everything from this machine, with no other server to install."""
    import uvloop

    from randomchat.bootstrap.embedded import run_embedded
    from randomchat.config import load_settings
    from randomchat.infra.telemetry import configure_logging

    with _misuse_in_one_line():
        settings = load_settings(config, {"host": host, "port": port, "data_dir": data_dir})
        configure_logging(settings.log)
        uvloop.run(run_embedded(settings, _announce))


@app.command()
def web(host: Host = None, port: Port = None, config: ConfigFile = None) -> None:
    """Serve the pages (one process of distributed mode)."""
    _serve("web", host, port, config)


@app.command()
def user(host: Host = None, port: Port = None, config: ConfigFile = None) -> None:
    """Serve accounts and sessions (one process of distributed mode)."""
    _serve("user", host, port, config)


@app.command()
def match(host: Host = None, port: Port = None, config: ConfigFile = None) -> None:
    """Serve the search for a partner (one process of distributed mode)."""
    _serve("match", host, port, config)


@app.command()
def chat(host: Host = None, port: Port = None, config: ConfigFile = None) -> None:
    """Serve conversations (one process of distributed mode)."""
    _serve("chat", host, port, config)


@app.command()
def uploader(host: Host = None, port: Port = None, config: ConfigFile = None) -> None:
    """Serve files (one process of distributed mode)."""
    _serve("uploader", host, port, config)


@app.command()
def migrate(config: ConfigFile = None) -> None:
    """Bring the engines of distributed mode to this version: tables and the bucket. Safe to run twice, and at once."""
    import uvloop

    from randomchat.config import load_settings
    from randomchat.infra.telemetry import configure_logging

    with _misuse_in_one_line():
        from randomchat.bootstrap.migration import run_migration

        settings = load_settings(config)
        configure_logging(settings.log)
        uvloop.run(run_migration(settings, _announce))


def _serve(service: ServiceName, host: str | None, port: int | None, config: Path | None) -> None:
    import uvloop

    from randomchat.bootstrap.distributed import run_service
    from randomchat.config import load_settings
    from randomchat.infra.telemetry import configure_logging

    with _misuse_in_one_line():
        settings = load_settings(config, {"host": host, "port": port})
        configure_logging(settings.log)
        uvloop.run(run_service(service, settings, _announce))


@config_app.command()
def show(config: ConfigFile = None) -> None:
    """Print the settings that are in force, as YAML."""
    import yaml

    from randomchat.config import load_settings

    with _misuse_in_one_line():
        settings = load_settings(config)
    typer.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True), nl=False)


@config_app.command()
def check(config: ConfigFile = None) -> None:
    """Say whether the settings can be used."""
    from randomchat.config import load_settings

    with _misuse_in_one_line():
        load_settings(config)
    typer.echo("The settings are fine.")


@config_app.command()
def doc() -> None:
    """Print the reference of all settings, in Markdown."""
    from randomchat.reference import settings_reference

    typer.echo(settings_reference(), nl=False)


@app.command()
def errors() -> None:
    """Print the reference of all error codes, in Markdown."""
    from randomchat.reference import errors_reference

    typer.echo(errors_reference(), nl=False)


@app.command()
def openapi(service: Literal["user", "match", "chat", "uploader"]) -> None:
    """Print the OpenAPI document of a service."""
    from randomchat.bootstrap.embedded import openapi_of

    typer.echo(json.dumps(asyncio.run(openapi_of(service)), indent=2, ensure_ascii=False))


@app.command()
def frames() -> None:
    """Print the JSON Schema of the sockets' frames."""
    from randomchat.frames_schema import frames_schema

    typer.echo(json.dumps(frames_schema(), indent=2, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"randomchat {__version__}")


def _announce(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _misuse_in_one_line() -> Iterator[None]:
    """Whatever a person can mend is one line on standard error, without a traceback."""
    from randomchat.config import SettingsError
    from randomchat.infra.data_dir import DataDirError
    from randomchat.infra.runtime import StartupError
    from randomchat.infra.sqlite import DatabaseError

    try:
        yield
    except (SettingsError, DataDirError, DatabaseError, StartupError) as error:
        typer.echo(f"randomchat: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(MISUSE) from None
