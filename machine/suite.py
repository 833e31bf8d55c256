"""Use apt for another suite of Debian: with its own lists, from the mirror that this machine's configuration names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from machine.command import run_command
from machine.paths import MachineFault, make_folder

OS_RELEASE = Path("/etc/os-release")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TARGETS = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")


def find_codename() -> str:
    """Return the codename of the Debian that runs this."""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", OS_RELEASE.read_text(), re.MULTILINE)
    if not found:
        raise MachineFault(f"no-mirror: {OS_RELEASE} names no Debian")
    return found[1]


def find_mirror() -> str:
    """Return the address from which apt has this Debian's own suite."""
    codename = find_codename()
    for line in run_command(list(TARGETS)).splitlines():
        match line.split():
            case [mirror, suite, "main"] if suite in (codename, "stable"):
                return mirror
    raise MachineFault(f"no-mirror: apt's configuration has no source of {codename} main")


def write_options(suite: str, work: Path) -> list[str]:
    """Return apt's options for a suite: its state in `work`, as on a system where nothing is installed yet."""
    make_folder(work / "lists" / "partial")
    make_folder(work / "cache" / "archives" / "partial")
    (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {find_mirror()} {suite} main\n")
    (work / "status").touch()
    settings = {
        "Dir::Etc::sourcelist": work / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": work / "lists", "Dir::Cache": work / "cache", "Dir::State::status": work / "status",
        "Debug::NoLocking": "1",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def prepare_lists(suite: str, folder: Path) -> list[str]:
    """Fetch a suite's lists into `folder`, which the caller removes; return apt's options for them."""
    shutil.rmtree(folder, ignore_errors=True)
    options = write_options(suite, folder)
    run_command(["apt-get", "-q", *options, "update"])
    return options
