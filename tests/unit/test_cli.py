"""What the commands print, and how they end."""

import sys
from pathlib import Path

import pytest
import yaml

from randomchat import __version__, cli


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["randomchat", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    output = capsys.readouterr()
    return int(ended.value.code or 0), output.out, output.err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(capsys, monkeypatch, "version") == (0, f"randomchat {__version__}\n", "")


def test_the_settings_in_force_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("port: 1234\n")
    status, output, _ = run(capsys, monkeypatch, "config", "show", "--config", str(file))
    shown = yaml.safe_load(output)
    assert (status, shown["port"], shown["chat"]["message"]["max_bytes"]) == (0, 1234, 4096)


def test_what_is_shown_can_be_used_as_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(run(capsys, monkeypatch, "config", "show")[1])
    assert run(capsys, monkeypatch, "config", "check", "--config", str(file))[0] == 0


@pytest.mark.parametrize("command", [("config", "show"), ("config", "check"), ("up",)])
def test_bad_settings_are_one_line_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("portt: 1\n")
    status, output, error = run(capsys, monkeypatch, *command, "--config", str(file))
    assert (status, output) == (cli.MISUSE, "")
    assert error == f"randomchat: {file}: portt: there is no such setting\n"


@pytest.mark.parametrize("arguments", [("fly",), ("up", "--port", "many"), ("openapi", "nothing")])
def test_a_command_that_does_not_exist_is_misuse(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    status, _, error = run(capsys, monkeypatch, *arguments)
    assert status == cli.MISUSE
    assert "Usage: randomchat" in error


@pytest.mark.parametrize("service", ["user", "match", "chat"])
def test_the_openapi_document_of_each_service_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    status, output, _ = run(capsys, monkeypatch, "openapi", service)
    assert status == 0
    assert yaml.safe_load(output)["info"]["title"] == f"randomchat {service}"
