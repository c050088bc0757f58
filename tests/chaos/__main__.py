"""
Kill the processes of a real system at random moments of running syncs, and see that nothing is lost or doubled.

`python -m tests.chaos --rounds 200 --seed 17`; a round that failed is played again, alone, with `--first`.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.rounds import Plan, RoundFailed, play
from tests.chaos.stage import staged


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how many")
    parser.add_argument("--seed", type=int, default=None, help="decides everything that is random")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round")
    given = parser.parse_args()
    # Told to end, it clears away what it started, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = int(time.time()) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    _say(f"Seed {seed}; logs in {folder}.")
    with staged(folder, seed=seed) as stage:
        for number in range(given.first, given.first + given.rounds):
            plan, began = Plan.of(seed=seed, number=number), time.monotonic()
            try:
                play(plan, stage)
            except RoundFailed as failure:
                _say(f"FAILED {failure}\nAgain: make chaos SEED={seed} FIRST={number} ROUNDS=1; logs in {folder}.")
                return 1
            _say(f"{plan} — nothing lost, nothing doubled ({time.monotonic() - began:.0f} s)")
        bugs = stage.witness.bugs()
    _say(f"{given.rounds} rounds passed with seed {seed}. Runs that say that a mistake of ours ended them: {bugs}.")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
