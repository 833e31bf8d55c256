"""The commands and their exit statuses: 0 done, 1 the user's spec, 2 a fault of ours or bad usage."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from codegen.compiler import compile_tree
from codegen.diagnostics import SpecError, render_all
from codegen.image import verify_image
from codegen.output import find_stale, publish
from codegen.stamp import is_current, write_stamp
from codegen.toolchain import ToolError, Tree, build_image

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    commands = {"gen": run_gen, "build": run_build, "check": run_check}
    try:
        return commands[options.command](Tree(options.root))
    except SpecError as error:
        print(render_all(error, sys.stderr.isatty()), file=sys.stderr, end="")
        return 1
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build.py")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree that holds spec/, runtime/ and generated/")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("gen", help="compile spec/ into generated/")
    commands.add_parser("build", help="gen, then compile and link build/luvalley.elf")
    commands.add_parser("check", help="say whether generated/ is stale")
    return parser.parse_args(arguments)


def run_gen(tree: Tree) -> int:
    model, outputs = compile_tree(tree.root / "spec", tree.build / "syntax")
    changed = publish(outputs, tree.root / "generated")
    print(f"generated/: {say_changed(changed)}")
    return 0


def say_changed(names: list[str]) -> str:
    return f"{', '.join(names)} changed" if names else "nothing changed"


def run_build(tree: Tree) -> int:
    if is_current(tree):
        print(f"{tree.image.relative_to(tree.root)}: nothing changed")
        return 0
    start = time.monotonic()
    model, outputs = compile_tree(tree.root / "spec", tree.build / "syntax")
    changed = publish(outputs, tree.root / "generated")
    made = build_image(tree)
    report = verify_image(tree.debug_image, model)
    for fault in report.faults:
        print(f"error[image]: {fault}", file=sys.stderr)
    if report.faults:
        return 2
    write_stamp(tree)
    print(f"generated/: {say_changed(changed)}; {len(made)} files compiled")
    print(f"{tree.image.relative_to(tree.root)}: {report.size} bytes to load, {time.monotonic() - start:.1f} s")
    return 0


def run_check(tree: Tree) -> int:
    _, outputs = compile_tree(tree.root / "spec", tree.build / "syntax")
    stale = find_stale(outputs, tree.root / "generated")
    if stale:
        print(f"error[stale]: generated/ is not what spec/ says: {', '.join(stale)}; run `build.py gen`", file=sys.stderr)
        return 1
    print("generated/: up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
