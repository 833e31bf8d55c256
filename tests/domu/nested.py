"""A machine with KVM for tests of the library: Debian's kernel with kvm-amd in QEMU's TCG, in which a second QEMU runs.

A shell script runs inside; the last line on the machine's console is its exit status.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from machine.cpio import Entry, list_folders, make_directory, make_file, write_archive
from machine.debian import Kernel, get_kernel, read_modules
from machine.domu import QEMU, collect_domu
from machine.initrd import BUSYBOX, CHARACTER_DEVICE
from machine.paths import BUILD, make_folder
from tests.lib.process import run_bounded

MODULES = ("irqbypass", "kvm", "kvm-amd")
HERE = Path(__file__).resolve().parent
WORK = BUILD / "domu"
WALL_CLOCK = 3600  # wall-clock seconds
STATUS = re.compile(r"^@host status (\d+)$", re.MULTILINE)
QUIET = "console=ttyS0 quiet nokaslr mitigations=off no_timer_check cryptomgr.notests=1 random.trust_cpu=on audit=0"


@dataclass(frozen=True)
class Result:
    """The exit status of the script inside (None if it did not end), and the machine's console."""

    status: int | None
    console: str


def list_machine(kernel: Kernel, script: str, additions: Mapping[str, bytes]) -> Iterator[Entry]:
    """Yield the outer machine's initramfs."""
    files = collect_domu(kernel)
    files |= {f"modules/{name}.ko": content for name, content in read_modules(kernel, MODULES).items()}
    files |= {"bin/busybox": BUSYBOX.read_bytes(), "init": (HERE / "guests" / "host.sh").read_bytes()}
    files |= {"script": script.encode(), **additions}
    yield from (make_directory(folder) for folder in [*list_folders(files), "dev", "proc", "sys", "tmp"])
    yield Entry("dev/console", CHARACTER_DEVICE, device=(5, 1))
    for path, content in files.items():
        yield make_file(path, content, executable=True)


def run_nested(
    script: str, cpu_seconds: int, cpus: int = 1, additions: Mapping[str, bytes] = MappingProxyType({})
) -> Result:
    """Boot the machine with additional files, run `script` in it, and return its result.

    The machine's clock is the host's, so the bound is processor time.
    """
    kernel = get_kernel()
    initrd = make_folder(WORK) / "nested.cpio"
    console = WORK / "nested.txt"
    initrd.write_bytes(write_archive(list_machine(kernel, script, additions)))
    command: list[str | Path] = [
        QEMU, "-accel", "tcg", "-cpu", "max", "-smp", str(cpus), "-m", "1024", "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", f"file:{console}",
        "-kernel", kernel.vmlinuz, "-initrd", initrd, "-append", f"{QUIET} panic=-1",
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):  # then the console has no status
        run_bounded(command, cpu_seconds, WALL_CLOCK)
    text = console.read_text(errors="replace").replace("\r\n", "\n")
    found = STATUS.search(text)
    return Result(int(found[1]) if found else None, text)
