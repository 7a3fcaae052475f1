"""The engines, or all of distributed mode, in a terminal: progress on standard error, what reaches them on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from cluster.child import Child
from cluster.engines.all import Engines
from cluster.nginx import find_nginx
from cluster.parts import MissingPart
from cluster.services import Services, running


def fetch() -> int:
    """Get what the engines are made of; where that can't be, say so, and that is all."""
    try:
        Engines(Path(), teller()).fetch()
    except MissingPart as missing:
        print(f"NO ENGINES: this machine lacks {missing}; with it the tests of distributed mode run too.", file=sys.stderr)
    return 0


def run_engines(folder: Path, *, three: bool, wipe: bool) -> None:
    """Run them until `KeyboardInterrupt`."""
    say = teller()
    with Engines(folder, say, three=three) as engines:
        if wipe:
            engines.wipe()
        engines.start()
        try:
            _show(engines)
            _watch([node for engine in engines.all for node in engine.nodes])
        finally:
            say("All", "stop ...")
            engines.close()
            say("All", "have stopped")


def run_distributed(folder: Path, port: int, *, three: bool, wipe: bool) -> None:
    """Run the engines, two processes of each service and nginx on `port` until `KeyboardInterrupt`."""
    say = teller()
    with Engines(folder, say, three=three) as engines:
        if wipe:
            engines.wipe()
        find_nginx(partial(say, "nginx"))
        engines.start()
        with running(Services(folder / "services", engines.settings_tree(), port=port, say=say)) as services:
            print(services.address, flush=True)
            print(f"Open {services.address} in two browsers. Ctrl-C ends all of it; the data stays.", file=sys.stderr, flush=True)
            try:
                _watch([*services.all, services.proxy, *(node for engine in engines.all for node in engine.nodes)])
            finally:
                say("All", "stop ...")
    say("All", "have stopped")


def teller() -> Callable[[str, str], None]:
    """Prints who does what, and after how many seconds."""
    began = time.monotonic()

    def say(who: str, what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {who} {what}", file=sys.stderr, flush=True)

    return say


def _show(engines: Engines) -> None:
    settings = yaml.safe_dump(engines.settings_tree(), sort_keys=False)
    file = engines.folder / "settings.yaml"
    file.write_text(settings, "utf-8")
    print(settings, flush=True)
    print(f"These settings are kept in {file}. Ctrl-C stops the engines; their data stays.", file=sys.stderr, flush=True)


def _watch(nodes: list[Child]) -> None:
    """Say of each node when it ended by itself, and go on with the others."""
    while True:
        for node in [node for node in nodes if not node.is_running]:
            print(f"{node.name} has ended; what it said: {node.log}", file=sys.stderr, flush=True)
            nodes.remove(node)
        time.sleep(0.5)
