"""Find the Bochs to run: Debian 13's, with which the records are made, or Debian 12's, or one that the user names."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from machine.paths import MachineFault
from machine.programs import BOOKWORM, LIBRARIES, LOADER, TRIXIE, get_root

PACKAGES = ("bochs", "bochs-term", "bochsbios", "vgabios")
INSTALLED = Path("bochs")
SHARE = "/usr/share/bochs"  # the BIOS files for a Bochs that is not fetched, unless BXSHARE names others
LAUNCHER = f"""#!/bin/sh
# Start this Bochs with the loader, libraries, plugins and BIOS files of the Debian release that it comes from.
root=$(dirname "$(readlink -f "$0")")
export BXSHARE="$root{SHARE}" LTDL_LIBRARY_PATH="$root/{LIBRARIES}/bochs/plugins"
exec "$root/{LOADER}" --library-path "$root/{LIBRARIES}" "$root/usr/bin/bochs-bin" "$@"
"""


def write_launcher(path: Path) -> None:
    """Write the program that starts a fetched Bochs, unless it is there."""
    if path.exists() and path.read_text() == LAUNCHER:
        return
    part = path.with_name(f"{path.name}-{os.getpid()}.part")
    part.write_text(LAUNCHER)
    part.chmod(0o755)
    part.rename(path)


@cache
def find_bochs(suite: str = TRIXIE) -> Path:
    """Return the program that starts the Bochs of a Debian release: this machine's own, or one in the cache."""
    root = get_root("bochs", suite, PACKAGES)
    if root is None:
        return INSTALLED
    write_launcher(root / "bochs")
    return root / "bochs"


def find_old_bochs() -> Path:
    """Return the program that starts Debian 12's Bochs 2.7."""
    return find_bochs(BOOKWORM)


def make_variables() -> dict[str, str]:
    """Return the environment of a Bochs."""
    return {"BXSHARE": SHARE, **os.environ, "TERM": "vt100", "LINES": "30", "COLUMNS": "100"}


@cache
def ask_help(bochs: Path, topic: str = "") -> str:
    """Return what a Bochs prints for `--help`, or `--help topic`."""
    command: list[str | Path] = [bochs, "--help", *topic.split()]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise MachineFault(f"no-bochs: cannot start `{bochs}`: {error.strerror}") from None
    return done.stdout + done.stderr


def has_debugger(bochs: Path) -> bool:
    """Return true if this Bochs was built with the debugger."""
    return "-rc filename" in ask_help(bochs)


def runs_debugged(bochs: Path, cpus: int) -> bool:
    """Return true if Bochs has to run under its debugger.

    Without it several CPUs run in a loop in which a VM exit at the first instruction after an exception saves the RIP
    from before the exception: the guest then runs user code on the kernel's stack. Seen in 3.0.
    """
    return needs_debugger(bochs) or (cpus > 1 and has_debugger(bochs))


def needs_debugger(bochs: Path) -> bool:
    """Return true if this Bochs always runs under its debugger, which then needs commands to continue; until 2.8."""
    return has_debugger(bochs) and "-debugger " not in ask_help(bochs)
