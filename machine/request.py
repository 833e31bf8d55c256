"""The request for one run of the machine, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from machine.bochs import DEFAULT_MODEL, Result

STATUS_TIMEOUT = 124
STATUS_FAULT = 125  # the machine could not be made, or ended before dom0 had finished
STATUS_INTERRUPTED = 130
POOL = "pool=512M"  # for Luvalley's command line with --domu, unless the user gives another pool
GUEST_CHECK = "export SHOW=1; sh /guest/linux.sh $(nproc)"


@dataclass(frozen=True)
class Request:
    """One run. `command` is for dom0's shell; without it dom0 checks itself. `size` is the terminal's rows, columns."""

    cpus: int = 2
    memory: int = 512  # MiB
    model: str = DEFAULT_MODEL
    bochs: Path | None = None  # the program; None: that of Debian 13
    timeout: float = 600  # emulated seconds; wall-clock seconds if the run ends in a shell
    bare: bool = False
    module: bool = False
    image: Path | None = None
    command: str | None = None
    additions: tuple[Path, ...] = ()
    options: str = ""  # Luvalley's command line
    kernel_options: str = ""
    multiboot: int = 1
    shell: bool = False
    size: tuple[int, int] = (24, 80)
    record: Path | None = None  # the file for the record of the run
    record_as: str = ""  # the author of the run, for the record
    instrument: bool = False  # run the build that counts branches of handlers
    poison: bool = False  # run the build that fills a new VMCS with ones
    domu: bool = False  # give dom0 QEMU, guests and a pool; without a command a guest checks itself
    trixie: bool = False  # QEMU is Debian 13's
    kernel: str = ""  # the suite of Debian whose kernel dom0 and guests run; empty: of the Debian that runs this

    @property
    def duty(self) -> str:
        """Return the duty of dom0's init: exec, shell, guest, check or bare."""
        if self.shell:
            return "guest" if self.domu else "shell"
        if self.command is not None or self.domu:
            return "exec"
        return "bare" if self.bare else "check"


    @property
    def duty_command(self) -> str:
        """Return the shell command of `exec`."""
        return self.command if self.command is not None else GUEST_CHECK if self.domu else ""

    @property
    def luvalley_options(self) -> str:
        """Return Luvalley's command line."""
        return f"{POOL} {self.options}".strip() if self.domu and "pool=" not in self.options else self.options


@dataclass(frozen=True)
class Outcome:
    """What dom0 wrote between its markers, the status that it reported (None: none), and the machine's record."""

    output: str
    status: int | None
    init_tick: int | None
    result: Result
