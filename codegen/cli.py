"""The commands and their exit statuses: 0 done, 1 the user's spec, 2 a fault of ours or bad usage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen.stamp import is_current
from codegen.tree import Tree

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = parse_arguments(arguments)
    tree = Tree(options.root)
    if is_done(options.command, tree):
        print(f"{tree.image.relative_to(tree.root)}: nothing changed")
        return 0
    return run_command(options.command, tree)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build.py")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree that holds spec/, runtime/ and generated/")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("gen", help="compile spec/ into generated/")
    commands.add_parser("build", help="gen, then compile and link build/luvalley.elf")
    commands.add_parser("check", help="say whether generated/ is stale")
    return parser.parse_args(arguments)


def is_done(command: str, tree: Tree) -> bool:
    """Nothing to build: found out without loading the compiler."""
    return command == "build" and is_current(tree)


def run_command(command: str, tree: Tree) -> int:
    """The whole compiler is loaded only here, where it is needed."""
    from codegen import commands
    from codegen.diagnostics import SpecError, render_all
    from codegen.toolchain import ToolError

    try:
        done: commands.Done = getattr(commands, f"run_{command}")(tree)
    except SpecError as error:
        print(render_all(error, sys.stderr.isatty()), file=sys.stderr, end="")
        return 1
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    print(done.text, file=sys.stderr if done.status else sys.stdout)
    return done.status


if __name__ == "__main__":
    sys.exit(main())
