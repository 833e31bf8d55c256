"""The command that runs a machine: `run`."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from machine.bochs import DEFAULT_MODEL
from machine.request import STATUS_INTERRUPTED, Request
from machine.run import run_request

CPUS = (1, 8)
MEMORY = (64, 4096)  # MiB


def make_range(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""
    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from {low} to {high}")
        return int(text)
    return read


def read_suite(text: str) -> str:
    """Return the name of a suite of Debian, which becomes a part of a file's name."""
    if not re.fullmatch(r"([a-z][a-z0-9-]*)?", text):
        raise argparse.ArgumentTypeError(f"`{text}` is not the name of a suite")
    return text


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the machine."""
    parser.add_argument("--cpus", type=make_range(*CPUS), metavar="N", help="processors (2; 1 with --domu)")
    parser.add_argument("--memory", type=make_range(*MEMORY), metavar="M", help="memory in MiB (512; 1024 with --domu)")
    parser.add_argument("--cpu", default=DEFAULT_MODEL, metavar="MODEL", help=f"processor model ({DEFAULT_MODEL})")
    parser.add_argument("--timeout", type=make_range(1, 86400), default=600, metavar="SECONDS",
                        help="stop the machine after this long on its own clock (600); with a shell: if there is none "
                        "by then on the wall clock")
    parser.add_argument("--bochs", type=Path, metavar="PATH", help="another Bochs (Debian 13's)")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that select what the machine runs."""
    parser.add_argument("--bare", action="store_true", help="the same disk without Luvalley")
    parser.add_argument("--domu", action="store_true",
                        help="QEMU and a pool in dom0; runs a Linux guest's self-check, or --shell, or --exec")
    parser.add_argument("--shell", action="store_true", help="with --domu: a shell of the guest")
    parser.add_argument("--trixie", action="store_true", help="with --domu: the QEMU of Debian 13")
    parser.add_argument("--kernel", type=read_suite, default="", metavar="SUITE",
                        help="the kernel of another Debian, e.g. bookworm, trixie, testing")
    parser.add_argument("--module", action="store_true", help="kernel and initrd as Multiboot modules, not by the MBR")
    parser.add_argument("--multiboot", type=int, choices=(1, 2), default=1, help="version of the loader's protocol (1)")
    parser.add_argument("--image", type=Path, metavar="FILE",
                        help="a disk image (its copy) as drive 0x80, run by its MBR")
    parser.add_argument("--with", type=Path, action="append", default=[], dest="additions", metavar="PATH",
                        help="put a file or folder into dom0's /root; repeatable")
    parser.add_argument("--exec", dest="command", metavar="COMMAND",
                        help="run in dom0 by sh, show its output, take its exit status")
    parser.add_argument("--options", default="", metavar="TEXT", help="Luvalley's command line, e.g. apic=watch")
    parser.add_argument("--kernel-options", default="", metavar="TEXT",
                        help="added to the command line of dom0's kernel")
    parser.add_argument("--record", type=Path, metavar="FILE",
                        help="write how many exits of dom0 had each reason; `audit --run FILE` reads it")
    parser.add_argument("--record-as", default="", metavar="NAME", help="who made the run (the command line)")
    variants = parser.add_mutually_exclusive_group()
    variants.add_argument("--instrument", action="store_true", help="run the build that counts branches of handlers")
    variants.add_argument("--poison", action="store_true", help="run the build that fills a new VMCS with ones")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(prog="build.py", allow_abbrev=False)
    commands = parser.add_subparsers(dest="verb", required=True)
    run = commands.add_parser("run", allow_abbrev=False, help="build, make a disk, boot it with Debian as dom0")
    add_machine_options(run)
    add_run_options(run)
    return parser


def find_conflict(options: argparse.Namespace) -> str | None:
    """Return the error for two options that exclude each other, or None."""
    dom0_only = {"--module": options.module, "--with": options.additions, "--exec": options.command is not None,
                 "--kernel-options": options.kernel_options, "--kernel": options.kernel, "--record": options.record,
                 "--domu": options.domu}
    luvalley_only = {"--module": options.module, "--options": options.options, "--multiboot": options.multiboot != 1,
                     "--record": options.record, "--instrument": options.instrument,
                     "--poison": options.poison}
    for name, given in dom0_only.items():
        if options.image and given:
            return f"{name} is for Debian's dom0 and has no meaning with --image"
    for name, given in luvalley_only.items():
        if options.bare and given:
            return f"{name} is for Luvalley and has no meaning with --bare"
    return find_domu_conflict(options) or find_missing_path(options)


def find_domu_conflict(options: argparse.Namespace) -> str | None:
    """Return the error for `--shell` or `--trixie` in a run where they do not apply, or None."""
    if options.shell and not options.domu:
        return "--shell is the guest's and has no meaning without --domu; dom0's comes by itself on a terminal"
    if options.trixie and not options.domu:
        return "--trixie has no meaning without --domu"
    if options.shell and options.command is not None:
        return "--shell and --exec exclude each other"
    if options.shell and not is_terminal():
        return "--shell needs a terminal"
    if options.domu and options.bare and options.command is None:
        return "--domu and --bare together need --exec: there is no Luvalley for the guest"
    return None


def is_terminal() -> bool:
    """Return true if standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def choose_shell(options: argparse.Namespace) -> bool:
    """Return true if the run ends in a shell: dom0's on a terminal, the guest's where it was requested."""
    return options.shell if options.domu else is_terminal() and options.command is None and not options.image


def find_missing_path(options: argparse.Namespace) -> str | None:
    """Return the error for a path that does not exist, or None."""
    if options.image and not (options.image.is_file() and options.image.stat().st_size):
        return f"--image {options.image}: there is no such file, or it is empty"
    for path in options.additions:
        if not path.exists():
            return f"--with {path}: there is no such file or folder"
    if options.bochs and not shutil.which(options.bochs):
        return f"--bochs {options.bochs}: there is no such program"
    return None


def make_request(options: argparse.Namespace) -> Request:
    """Return the request for the options."""
    size = shutil.get_terminal_size()
    return Request(
        cpus=options.cpus or (1 if options.domu else 2), memory=options.memory or (1024 if options.domu else 512),
        model=options.cpu, bochs=options.bochs, timeout=options.timeout,
        bare=options.bare, module=options.module, image=options.image, command=options.command,
        additions=tuple(options.additions), options=options.options, kernel_options=options.kernel_options,
        multiboot=options.multiboot, shell=choose_shell(options), domu=options.domu, trixie=options.trixie,
        kernel=options.kernel,
        size=(size.lines, size.columns), record=options.record, instrument=options.instrument, poison=options.poison,
        record_as=options.record_as or shlex.join(["build.py", *sys.argv[1:]]))


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run the command; return the exit status."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        if conflict := find_conflict(options):
            parser.error(conflict)
        return run_request(make_request(options))
    except KeyboardInterrupt:
        print("build.py: interrupted; the machine is stopped", file=sys.stderr)
        return STATUS_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
