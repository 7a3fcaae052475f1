"""`python -m tests.reliability.simulation --seeds 500 [--first 1] [--minutes 3]`: many seeds, and what they found."""

from __future__ import annotations

import argparse
import sys

from tests.reliability.simulation.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    guilty = acknowledged = 0
    for seed in range(options.first, options.first + options.seeds):
        run = Run(seed, options.minutes).play()
        acknowledged += run.acknowledged
        guilty += bool(run.violations)
        for violation in run.violations[:3]:
            print(f"seed {seed} ({', '.join(run.chosen)}): {violation}", flush=True)
    hours = options.seeds * options.minutes / 60
    print(f"{options.seeds} seeds, {hours:.1f} simulated hours, {acknowledged} acknowledged messages: {guilty} with violations")
    sys.exit(1 if guilty else 0)


if __name__ == "__main__":
    main()
