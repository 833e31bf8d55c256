#!/usr/bin/env python3
"""The one command: prepares its environment, then runs the module that does the work.

Only the standard library is used here. The environment is Debian's packages (by apt, only what is missing) and
`.venv` with what `requirements*.txt` pin. Stamps in `.venv` remember both, so a second run costs nothing.
Exit status: that of the command; 2 for bad usage; 3 when the environment cannot be made.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements.txt"
BOOK = ROOT / "requirements-book.txt"
BROWSER = ROOT / "requirements-browser.txt"
OLDEST_PYTHON = (3, 11)
APT_PATIENCE, APT_PAUSE = 300, 3  # seconds to wait for another apt, and between tries

# What each group of commands needs from Debian, and why.
COMPILE = {
    "gcc": "compiles the generated and handwritten C",
    "nasm": "assembles",
    "binutils": "links the image",
    "python3-venv": "makes the virtual environment",
}
BOCHS = {
    "bochs": "the emulator, with VT-x",
    "bochs-term": "its text screen without a window",
    "bochsbios": "its BIOS",
    "vgabios": "its VGA BIOS",
}
BOOT = {
    "grub-common": "makes GRUB's core image",
    "grub-pc-bin": "GRUB's modules for BIOS machines",
    "mtools": "writes files into a FAT file system",
    "xorriso": "writes CD images",
    "busybox-static": "dom0's user space",
    "libc6-dev": "dom0's static programs",
}
BROWSE = {
    "chromium": "looks at the book's pages",
    "chromium-driver": "drives it",
    "vim": "reads the syntax file that is made for it",
}
DOMU = {
    "qemu-system-x86": "the VMM of domUs, and a machine with KVM for their library",
    "libzydis-dev": "decodes instructions for the library",
}
PACKAGES = {"compile": COMPILE, "bochs": BOCHS, "boot": BOOT, "browse": BROWSE, "domu": DOMU}

CODEGEN = {
    "gen": "compile spec/ into generated/",
    "build": "gen, then compile and link build/luvalley.elf",
    "audit": "for each domain and exit: where it is handled, or why it cannot happen",
    "explain": "fact, choice and code of one exit, MSR or CPUID leaf",
    "diff": "what each domain gains or loses between two specs",
    "docs": "write the book of this hypervisor",
    "format": "lay out spec files and handwritten C",
    "lsp": "the language server, for editors",
}
MACHINE = {
    "run": "build, make a disk, boot it in Bochs with Debian as dom0",
}
BENCH = {
    "bench": "measure the figures",
    "measure": "measure what the book shows of runs, into docs/records/",
}
SUITES = {
    "check": "stale files, types, style and every test without a boot",
    "test": "check, and the boots; or pytest with the arguments given",
}
HOUSE = {
    "house": "measure the tree itself, into docs/records/house.json and docs/code-map.md",
    "unreferenced": "list what generated/ defines and nothing names",
}
COMMANDS = MACHINE | BENCH | SUITES | CODEGEN | HOUSE
MODULES = {
    **dict.fromkeys(MACHINE, "machine.cli"),
    **dict.fromkeys(BENCH, "bench.cli"),
    **dict.fromkeys(CODEGEN, "codegen.cli"),
    **dict.fromkeys(HOUSE, "codegen.house"),
}


class SetupError(Exception):
    """The environment cannot be made; the text says why, and what to do."""


def say(text: str) -> None:
    """Write one line of progress to standard error."""
    print(f"build.py: {text}", file=sys.stderr, flush=True)


# --- Debian's packages -----------------------------------------------------------------------------------------


def find_missing(packages: dict[str, str]) -> list[str]:
    """Return those of `packages` that dpkg does not have installed."""
    import shutil
    import subprocess

    if not shutil.which("dpkg-query"):
        raise SetupError("not-debian: there is no dpkg-query here; install by hand: " + " ".join(packages))
    query = ["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\n", *packages]
    lines = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    installed = {line.split()[0].partition(":")[0] for line in lines if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def run_apt(arguments: list[str]) -> bool:
    """Run apt-get as root, its output on standard error, waiting for another apt; say whether it succeeded."""
    import time

    end = time.monotonic() + APT_PATIENCE
    while True:
        status, errors = try_apt(arguments)
        held = [line for line in errors.splitlines() if "Could not get lock" in line]
        if status == 0 or not held or time.monotonic() > end:
            sys.stderr.write(errors)
            return status == 0
        say(f"another apt is at work, waiting for it: {held[0].removeprefix('E: ')}")
        time.sleep(APT_PAUSE)


def try_apt(arguments: list[str]) -> tuple[int, str]:
    """Run apt-get once; return its exit status and its errors. DPkg::Lock::Timeout is for one of its three locks."""
    import subprocess

    prefix = [] if os.geteuid() == 0 else ["sudo"]
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-q", *arguments]
    try:
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise SetupError(f"no-apt: `{error.filename}` is needed to install packages and is not here") from None
    return done.returncode, done.stderr


def install_packages(packages: dict[str, str]) -> None:
    """Install what is missing of `packages` by apt, saying what and why."""
    missing = find_missing(packages)
    if not missing:
        return
    say("installing from Debian, by apt:")
    for name in missing:
        say(f"  {name}: {packages[name]}")
    install = ["install", "--yes", "--no-install-recommends", *missing]
    if not run_apt(install) and not (run_apt(["update"]) and run_apt(install)):
        raise SetupError("apt-failed: apt-get could not install " + " ".join(missing))


def choose_packages(group: str) -> dict[str, str]:
    """Return the packages of `group`, without python3-venv where this Python can make environments already."""
    import importlib.util

    packages = dict(PACKAGES[group])
    if importlib.util.find_spec("ensurepip"):
        packages.pop("python3-venv", None)
    return packages


# --- The virtual environment ------------------------------------------------------------------------------------


def install_requirements(file: Path) -> None:
    """Make `.venv` hold exactly what one of the files of requirements pins."""
    import subprocess

    try:
        if not (VENV / "bin" / "pip").exists():
            say("making .venv")
            subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], stdout=sys.stderr, check=True)
        say(f"installing {file.name} into .venv")
        pip = [str(PYTHON), "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "-r", str(file)], stdout=sys.stderr, check=True)
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))
        raise SetupError(f"venv-failed: `{command}` ended with {error.returncode}") from None


def is_stamped(name: str, content: str) -> bool:
    """Say whether `.venv` remembers `content` under `name`."""
    try:
        return (VENV / f"stamp-{name}").read_text() == content
    except OSError:
        return False


def prepare(groups: tuple[str, ...], files: tuple[Path, ...] = (REQUIREMENTS,)) -> None:
    """Make the environment for `groups` and `files` of requirements, doing only what no stamp says is done."""
    wanted = {group: "\n".join(PACKAGES[group]) for group in groups} | {file.stem: file.read_text() for file in files}
    if all(is_stamped(name, content) for name, content in wanted.items()):
        return
    with lock_environment():
        for group in groups:
            if not is_stamped(group, wanted[group]):
                install_packages(choose_packages(group))
        for file in files:
            if not is_stamped(file.stem, wanted[file.stem]):
                install_requirements(file)
        for name, content in wanted.items():
            (VENV / f"stamp-{name}").write_text(content)


def lock_environment() -> IO[str]:
    """Return an open file that holds the lock: two commands at once make the environment one after the other."""
    import fcntl

    file = REQUIREMENTS.open()
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


# --- The commands -----------------------------------------------------------------------------------------------


def make_variables() -> dict[str, str]:
    """Return the variables that every command gets: our packages importable, and cached in compiled form."""
    variables = dict(os.environ)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH")]))
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # without the cache a second build takes twice as long
    return variables


def exec_module(module: str, arguments: list[str]) -> NoReturn:
    """Replace this process by `python -m module arguments` in the environment."""
    sys.stdout.flush()
    os.execve(PYTHON, [str(PYTHON), "-m", module, *arguments], make_variables())


def run_steps(steps: dict[str, list[str]]) -> int:
    """Run every step, also after one has failed; return 1 if any failed, else 0."""
    import subprocess

    failed = []
    for name, arguments in steps.items():
        say(f"{name}: {' '.join(arguments)}")
        if subprocess.run([PYTHON, "-m", *arguments], cwd=ROOT, env=make_variables(), check=False).returncode:
            failed.append(name)
    if failed:
        say("failed: " + ", ".join(failed))
    return 1 if failed else 0


def run_suite(command: str, arguments: list[str]) -> int:
    """Run `check`, or `test`; with arguments `test` is pytest alone."""
    os.chdir(ROOT)
    if command == "test" and arguments:
        exec_module("pytest", arguments)
    tests = ["pytest", "-n", "2", "--dist", "worksteal", *arguments]
    return run_steps({
        "stale": ["codegen.cli", "check"],
        "unreferenced": ["codegen.house", "unreferenced"],
        "map": ["codegen.house", "map"],
        "layout": ["codegen.cli", "format", "--check"],
        "style": ["ruff", "check", "."],
        "types": ["mypy"],
        "tests": tests if command == "test" else [*tests, "-m", "not boot and not browser and not long"],
    })


def choose_environment(command: str, arguments: list[str]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Return the groups of packages and the files of requirements that a command needs."""
    if command == "test":
        return ("compile", "bochs", "boot", "browse", "domu"), (REQUIREMENTS, BOOK, BROWSER)
    if command == "docs":
        return ("compile",), (REQUIREMENTS, BOOK)
    if command not in MACHINE | BENCH:
        return ("compile",), (REQUIREMENTS,)
    bochs = ("bochs",) if is_trixie() else ()  # elsewhere Debian 13's is unpacked into .cache
    domu = ("domu",) if command == "bench" or "--domu" in arguments else ()
    return ("compile", *bochs, "boot", *domu), (REQUIREMENTS,)


def is_trixie() -> bool:
    """Say whether this is Debian 13, whose Bochs is the emulator of record."""
    import platform

    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME") == "trixie"
    except OSError:
        return False


def print_usage() -> None:
    """Print the commands, a line each."""
    print("usage: build.py COMMAND [ARGUMENTS...]   (COMMAND --help says more)\n")
    for name, meaning in COMMANDS.items():
        print(f"  {name:12} {meaning}")


def print_suite_usage(command: str) -> None:
    """Print what `check` or `test` takes."""
    print(f"usage: build.py {command} [ARGUMENTS...]\n\n{SUITES[command]}\n")
    if command == "test":
        print("ARGUMENTS are pytest's: a file or folder of tests/, -k WORDS, -m MARKERS, --update.")
    else:
        print("ARGUMENTS are added to those of pytest, which is its last step.")


def main(arguments: list[str]) -> int:
    """Prepare the environment for the command and run it; return its exit status."""
    if sys.version_info < OLDEST_PYTHON:
        say("python-too-old: Python 3.11 or later is needed")
        return 3
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print_usage()
        return 0 if arguments else 2
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        say(f"`{command}` is not a command; there are: {', '.join(COMMANDS)}")
        return 2
    if command in SUITES and {"-h", "--help"} & set(rest):
        print_suite_usage(command)
        return 0
    try:
        prepare(*choose_environment(command, rest))
    except SetupError as error:
        say(str(error))
        return 3
    if command in SUITES:
        return run_suite(command, rest)
    exec_module(MODULES[command], arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
