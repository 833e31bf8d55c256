"""The commands that measure: `bench` and `measure`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.dom0 import run_bench
from bench.measure import run_measure
from machine.emulator import find_bochs
from machine.request import STATUS_INTERRUPTED

COMMANDS = {
    "bench": (run_bench, "measure the figures"),
    "measure": (run_measure, "measure what the book shows, into docs/records/"),
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the commands."""
    parser = argparse.ArgumentParser(prog="build.py", allow_abbrev=False)
    commands = parser.add_subparsers(dest="verb", required=True)
    for name, (_, meaning) in COMMANDS.items():
        command = commands.add_parser(name, allow_abbrev=False, help=meaning)
        command.add_argument("--bochs", type=Path, metavar="PATH", help="another Bochs (Debian 13's)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run the measurement; return the exit status."""
    options = make_parser().parse_args(arguments)
    run, _ = COMMANDS[options.verb]
    try:
        return run(options.bochs or find_bochs())
    except KeyboardInterrupt:
        print("build.py: interrupted; the machine is stopped", file=sys.stderr)
        return STATUS_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
