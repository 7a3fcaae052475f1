"""`python -m cluster engines`: run Kafka, Cassandra, Redis and S3 until Ctrl-C; `fetch`: only get what they are made of."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from cluster.child import end_with_parent
from cluster.parts import MissingPart
from cluster.ports import PortTaken
from cluster.trial import fetch, run_engines


def main() -> int:
    options = _parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.with_parent:
        end_with_parent(signal.SIGTERM)
    try:
        if options.what == "fetch":
            return fetch()
        run_engines(options.data.absolute(), three=options.three, wipe=options.wipe)
    except KeyboardInterrupt:
        return 0
    except MissingPart as missing:
        return _failed(f"this machine lacks {missing}")
    except PortTaken as taken:
        return _failed(str(taken))
    return 0


def _failed(reason: str) -> int:
    print(f"ENGINES: {reason}", file=sys.stderr)
    return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("what", choices=("engines", "fetch"))
    parser.add_argument("--three", action="store_true", help="three Kafka brokers and Cassandra nodes, replicas in Redis")
    parser.add_argument("--data", type=Path, default=Path("data/engines"), help="the folder of their data, which is kept")
    parser.add_argument("--wipe", action="store_true", help="begin without the data of the last time")
    parser.add_argument("--with-parent", action="store_true", help="end when the program that started this one does")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
