"""The commands `house` and `unreferenced` of build.py, and `map`, which is a step of its check."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen.cli import main as run_compiler
from codegen.house.report import run_house, run_map_check
from codegen.house.unreferenced import print_unreferenced

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="build.py", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    house = commands.add_parser("house", help="write docs/records/house.json and the table of docs/code-map.md")
    house.add_argument("--before", type=Path, metavar="DIR", help="an older tree, built, to compare with from now on")
    commands.add_parser("unreferenced", help="list what generated/ defines and nothing names")
    commands.add_parser("map", help="say whether the sizes in docs/code-map.md are those of the tree")
    options = parser.parse_args()
    if options.command == "unreferenced":
        return print_unreferenced(ROOT)
    if options.command == "map":
        return run_map_check(ROOT)
    return run_compiler(["build"]) or run_house(ROOT, options.before)


if __name__ == "__main__":
    sys.exit(main())
