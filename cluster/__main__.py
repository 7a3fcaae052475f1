"""Distributed mode on this machine.

`python -m cluster engines`: run Kafka, Cassandra, Redis and S3 until Ctrl-C. `distributed`: run all services on them too, behind
nginx. `fetch`: only get what the engines are made of.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from cluster.child import end_with_parent
from cluster.engines.engine import EngineNotReady
from cluster.parts import MissingPart
from cluster.ports import PortTaken
from cluster.services import NotReady
from cluster.trial import fetch, run_distributed, run_engines


def main() -> int:
    options = _parse(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell starts what it runs in the background without
        signal.signal(number, signal.default_int_handler)
    if options.with_parent:
        end_with_parent(signal.SIGTERM)
    try:
        if options.what == "fetch":
            return fetch()
        folder, three, wipe = options.data.absolute(), options.three, options.wipe
        if options.what == "distributed":
            run_distributed(folder, options.port, three=three, wipe=wipe)
        else:
            run_engines(folder, three=three, wipe=wipe)
    except KeyboardInterrupt:
        return 0
    except MissingPart as missing:
        return _failed(f"this machine lacks {missing}")
    except (PortTaken, EngineNotReady, NotReady) as reason:
        return _failed(str(reason))
    return 0


def _failed(reason: str) -> int:
    print(f"cluster: {reason}", file=sys.stderr)
    return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("what", choices=("engines", "distributed", "fetch"))
    parser.add_argument("--three", action="store_true", help="three Kafka brokers and Cassandra nodes, replicas in Redis")
    parser.add_argument("--data", type=Path, default=Path("data/engines"), help="the folder of their data, which is kept")
    parser.add_argument("--port", type=int, default=8080, help="where browsers come in (distributed)")
    parser.add_argument("--wipe", action="store_true", help="begin without the data of the last time")
    parser.add_argument("--with-parent", action="store_true", help="end when the program that started this one does")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
