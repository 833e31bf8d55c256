"""The commands and their exit statuses: 0 done, 1 the user's spec, 2 a fault of ours or bad usage."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from codegen.diagnostics import Done
from codegen.image.tree import InstrumentedTree, PoisonedTree, Tree, is_current

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = parse_arguments(arguments)
    tree = choose_tree(options)
    if is_done(options.command, tree):
        print(f"{tree.image.relative_to(tree.root)}: nothing changed")
        return 0
    return run_command(options, tree)


def choose_tree(options: argparse.Namespace) -> Tree:
    """Return the ordinary build, or one of those for tests."""
    if getattr(options, "poison", False):
        return PoisonedTree(options.root)
    return InstrumentedTree(options.root) if getattr(options, "instrument", False) else Tree(options.root)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command and its options."""
    parser = argparse.ArgumentParser(prog="build.py", allow_abbrev=False)
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree that holds spec/, runtime/ and generated/")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("gen", help="compile spec/ into generated/")
    build = commands.add_parser("build", help="gen, then compile and link build/luvalley.elf")
    variants = build.add_mutually_exclusive_group()
    variants.add_argument("--instrument", action="store_true",
                          help="instead build/instrumented/luvalley.elf, which counts every branch")
    variants.add_argument("--poison", action="store_true",
                          help="instead build/poisoned/luvalley.elf, which fills a new VMCS with ones, for tests")
    commands.add_parser("check", help="say whether generated/ is stale")
    add_query(commands)
    add_docs(commands)
    return parser.parse_args(arguments)


def add_query(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that answer questions."""
    audit = commands.add_parser("audit", help="for each domain and exit: what handles it, or why it cannot occur")
    audit.add_argument("--json", action="store_true", help="the same as data; docs/audit.md has the schema")
    audit.add_argument("--run", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
                       help="records of runs: how often each exit and branch was taken")
    add_processor(audit)
    explain = commands.add_parser("explain", help="fact, choice, code and tests of one thing, on one screen")
    explain.add_argument("what", nargs="*", help="msr 0x1a0, exit 48, cpuid 7.0.ebx.10, control NAME ...")
    add_processor(explain)
    diff = commands.add_parser("diff", help="what each domain gains or loses between two specs")
    diff.add_argument("old", metavar="OLD", help="a folder with a spec, or a git revision")
    diff.add_argument("new", metavar="NEW", help="the same; `spec` is the one here")
    diff.add_argument("--fail-on-gain", action="store_true", help="exit status 1 where a domain gains something")
    diff.add_argument("--json", action="store_true", help="the same as data")
    add_processor(diff)


def add_processor(command: argparse.ArgumentParser) -> None:
    """Add the option that chooses one of the processors that the spec has facts for."""
    command.add_argument("--processor", default="", metavar="NAME", help="only for this one: a folder of spec/facts")


def add_docs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that write the book and lay out spec files."""
    docs = commands.add_parser("docs", help="write the book of this hypervisor: a site in build/book/site")
    docs.add_argument("--serve", action="store_true", help="then serve it to this machine, until interrupted")
    add_processor(docs)
    docs.add_argument("--out", type=Path, metavar="DIR", help="put the site there instead")
    format = commands.add_parser("format", help="bring spec files and handwritten C into the one layout")
    format.add_argument("--check", action="store_true", help="only say which are not in it: exit status 1")
    format.add_argument("files", nargs="*", type=Path, metavar="FILE", help="all of them where none is named")
    commands.add_parser("lsp", help="the language server, for editors: docs/editor.md")


def is_done(command: str, tree: Tree) -> bool:
    """Return whether nothing is to be built; the compiler is not loaded for that."""
    return command == "build" and is_current(tree)


def find_command(options: argparse.Namespace, tree: Tree) -> Callable[[], Done]:
    """Return what does the command; only here, and only as far as it is needed, the compiler is loaded."""
    if isinstance(tree, InstrumentedTree):
        from codegen.query.branches import build_instrumented

        instrumented = tree
        return lambda: build_instrumented(instrumented)
    if options.command in ("gen", "build", "check"):
        from codegen import commands

        run: Callable[[Tree], Done] = getattr(commands, f"run_{options.command}")
        return lambda: run(tree)
    if options.command == "docs":
        from codegen.book.site import run_docs

        say = partial(print, flush=True) if options.serve else None
        return lambda: run_docs(tree, options.out, say, options.processor)
    if options.command == "format":
        from codegen.commands import run_format

        return lambda: run_format(tree.root, options.files, options.check)
    if options.command == "lsp":
        from codegen.editor.server import run_server

        return run_server
    from codegen.query import commands as query

    questions: dict[str, Callable[[], Done]] = {
        "audit": lambda: query.run_audit(tree.root, options.run, options.json, options.processor),
        "explain": lambda: query.run_explain(tree.root, options.what, options.processor),
        "diff": lambda: query.run_diff(
            tree.root, options.old, options.new, options.fail_on_gain, options.json, options.processor),
    }
    return questions[options.command]


def run_command(options: argparse.Namespace, tree: Tree) -> int:
    """Run it, and print what it says; a spec's errors go to standard error."""
    from codegen.diagnostics import SpecError, render_all
    from codegen.image.toolchain import ToolError

    try:
        done = find_command(options, tree)()
    except SpecError as error:
        print(render_all(error, sys.stderr.isatty()), file=sys.stderr, end="")
        return 1
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    if done.text:
        print(done.text)
    if done.complaint:
        print(done.complaint, file=sys.stderr)
    return done.status


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `audit | head` ends quietly
    sys.exit(main())
