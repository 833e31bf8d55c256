"""A machine in Bochs: its configuration file, its process, and its records."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from machine.console import Console
from machine.emulator import ask_help, find_bochs, has_debugger, make_variables, needs_debugger, runs_debugged
from machine.paths import MachineFault, make_folder
from machine.screen import Screen

IPS = 100_000_000  # instructions in an emulated second
HOST_MEMORY = 2047  # MiB of guest memory that Bochs keeps in memory; the rest is in a file
DEFAULT_MODEL = "corei7_skylake_x"
TICK_STAMP = re.compile(r"^(\d{11,})[a-z]\[", re.MULTILINE)
PANIC = re.compile(r">>PANIC<< (.*)")
SLICE = 0.2  # seconds between two polls of a running machine
LAST_RESORT = (600.0, 3600.0)  # limits of wall-clock seconds: of any run, and of a longer one
SMP_SLACK = 2  # seconds of Bochs's processor time for an emulated one, with several CPUs under the debugger
MILLION = 1_000_000
FREE_RUN = ("c", "quit")  # the debugger's commands where it does nothing but continue
SLOWEST = 10  # wall-clock seconds for an emulated one, on a host that is busy


@dataclass(frozen=True)
class Machine:
    """The configuration of a machine. Memory is in MiB; `boot` is `floppy`, `disk` or `cdrom`."""

    folder: Path
    cpus: int = 1
    memory: int = 512
    model: str = DEFAULT_MODEL
    boot: str = "disk"
    floppy: Path | None = None
    disks: tuple[Path, ...] = ()
    cdrom: Path | None = None
    bochs: Path | None = None  # the program; None: that of Debian 13
    extra: tuple[str, ...] = ()  # further lines of the configuration
    debugger: tuple[str, ...] = ()  # commands for Bochs's debugger, which makes the machine half as fast
    ticks: int | None = None  # the limit of emulated time

    @property
    def program(self) -> Path:
        """Return the program that starts Bochs."""
        return self.bochs or find_bochs()

    @property
    def is_debugged(self) -> bool:
        """Return true if Bochs runs under its debugger."""
        return bool(self.debugger) or runs_debugged(self.program, self.cpus)


@dataclass(frozen=True)
class Progress:
    """The progress of a running machine: wall-clock seconds so far, and its serial output."""

    seconds: float
    serial: str

    @property
    def line(self) -> str:
        """Return the last line that is not empty."""
        lines = self.serial[-4000:].replace("\r", "\n").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


@dataclass(frozen=True)
class Result:
    """The result of a run: how it ended, its output, and its length in ticks (None if no log line has it)."""

    outcome: str  # "ended" by itself, "timeout" of its emulated time, "too-slow", or "stopped" by the caller
    status: int
    serial: str
    serial2: str
    screen: str
    e9: str  # what the guest wrote to port 0xE9
    log: str = field(repr=False)
    panic: str  # the last panic in Bochs's log, such as a power off
    ticks: int | None
    stops: tuple[int, ...]  # ticks at which the debugger stopped, the reset among them
    seconds: float


def write_disk_lines(machine: Machine) -> list[str]:
    """Return the configuration lines of floppy, disks and CD: at most four on two channels."""
    lines = [f"floppya: 1_44={machine.floppy}, status=inserted, write_protected=1"] if machine.floppy else []
    drives = [f"type=disk, path={path}, mode=flat" for path in machine.disks]
    drives += [f"type=cdrom, path={machine.cdrom}, status=inserted"] if machine.cdrom else []
    places = [f"ata{channel}-{place}" for channel in (0, 1) for place in ("master", "slave")]
    if len(drives) > len(places):
        raise MachineFault(f"too-many-drives: {len(drives)} drives for {len(places)} places")
    return lines + [f"{place}: {drive}" for place, drive in zip(places, drives, strict=False)]


def write_configuration(machine: Machine, serial: str) -> str:
    """Return the text of a bochsrc; `serial` is the setting of COM1."""
    folder = machine.folder
    return "\n".join([
        "display_library: term",
        f"cpu: model={machine.model}, count={machine.cpus}, ips={IPS}, reset_on_triple_fault=0, ignore_bad_msrs=1",
        "clock: sync=none, time0=1700000000",
        f"memory: guest={machine.memory}, host={min(machine.memory, HOST_MEMORY)}",
        "romimage: file=$BXSHARE/BIOS-bochs-latest, options=fastboot",
        "vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest",
        "pci: enabled=1, chipset=i440fx",
        f"boot: {machine.boot}",
        *write_disk_lines(machine),
        f"com1: enabled=1, {serial}",
        f"com2: enabled=1, mode=file, dev={folder}/serial2.txt",
        "speaker: enabled=0",
        "sound: waveoutdrv=dummy",
        "port_e9_hack: enabled=1",
        "plugin_ctrl: unmapped=1, iodebug=1",
        f"log: {folder}/bochs.log",
        "panic: action=fatal",
        "error: action=ignore",
        "info: action=report",
        "debug: action=ignore",
        *machine.extra,
    ]) + "\n"


def read_ticks(log: str) -> int | None:
    """Return the tick stamp of the last stamped line of a Bochs log."""
    stamps = TICK_STAMP.findall(log)
    return int(stamps[-1]) if stamps else None


def read_panic(log: str) -> str:
    """Return the text of the last panic in a Bochs log; empty: none."""
    panics = PANIC.findall(log)
    return panics[-1] if panics else ""


def read_text(path: Path) -> str:
    """Return a file's text, empty if there is no such file; bytes that are not UTF-8 are replaced."""
    return path.read_bytes().decode(errors="replace") if path.exists() else ""


def check_model(machine: Machine) -> None:
    """Raise MachineFault if this Bochs does not have the processor model."""
    models = [line for line in ask_help(machine.program, "cpu").splitlines() if re.fullmatch(r"[a-z0-9_]+", line)]
    if machine.model not in models:
        raise MachineFault(f"unknown-cpu: `{machine.model}` is not a model of `{machine.program}`: {', '.join(models)}")


def list_debugger_options(machine: Machine) -> list[str | Path]:
    """Return the options that start Bochs's debugger with the machine's commands.

    With one CPU it stops at an absolute time too, so that its last command bounds the emulated time.
    """
    file = machine.folder / "debugger.rc"
    bound = (f"sba {machine.ticks}",) if machine.ticks and machine.cpus == 1 else ()
    file.write_text("\n".join([*bound, *(machine.debugger or FREE_RUN)]) + "\n")
    return ["-rc", file, *([] if needs_debugger(machine.program) else ["-debugger"])]


def list_options(machine: Machine) -> list[str | Path]:
    """Return Bochs's options. Without the debugger it bounds the emulated time by itself, in millions of ticks."""
    options: list[str | Path] = ["-q", "-f", machine.folder / "bochsrc"]
    if machine.is_debugged:
        return options + list_debugger_options(machine)
    return [*options, "-benchmark", str(-(-machine.ticks // MILLION))] if machine.ticks else options


def start_process(machine: Machine, console: Console) -> subprocess.Popen[bytes]:
    """Start Bochs on the console's terminal, in its own process group."""
    command: list[str | Path] = ["setpriv", "--pdeathsig", "KILL"]  # Bochs is killed with the program that started it
    command += [machine.program, *list_options(machine)]
    tty = console.terminal
    return subprocess.Popen(command, stdin=tty, stdout=tty, stderr=tty, env=make_variables(), start_new_session=True)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Kill the Bochs process if it still runs."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


class Run:
    """A running machine, as a context manager: leaving it ends the process."""

    def __init__(self, machine: Machine, serial: str | None = None) -> None:
        """Start the machine. `serial` is COM1's setting; without it COM1 is serial.txt, else the caller writes that."""
        check_model(machine)
        self.machine = machine
        self.serial_path = make_folder(machine.folder) / "serial.txt"
        for name in ("serial2.txt", "bochs.log", *([] if serial else ["serial.txt"])):
            (machine.folder / name).unlink(missing_ok=True)
        setting = serial or f"mode=file, dev={self.serial_path}"
        for disk in machine.disks:
            disk.with_name(disk.name + ".lock").unlink(missing_ok=True)  # left by a Bochs that was killed
        (machine.folder / "bochsrc").write_text(write_configuration(machine, setting))
        self.console = Console(draws_on_output=not has_debugger(machine.program))
        self.screen = Screen()
        self.started = time.monotonic()
        self.process = start_process(machine, self.console)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *reason: object) -> None:
        stop_process(self.process)
        self.console.close()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.monotonic() - self.started

    @property
    def is_out_of_time(self) -> bool:
        """Return true if the limit of emulated time is reached.

        With several CPUs the debugger misses time breakpoints; then Bochs's processor time is used instead.
        """
        machine = self.machine
        if machine.ticks is None:
            return False
        if not machine.is_debugged:
            return self.process.poll() is not None and (read_ticks(self.read_log()) or 0) >= machine.ticks
        if machine.cpus > 1:
            return self.cpu_seconds > SMP_SLACK * machine.ticks / IPS
        stops = self.console.stops()
        return bool(stops) and stops[-1] >= machine.ticks

    def read_log(self) -> str:
        """Return Bochs's log so far."""
        return read_text(self.machine.folder / "bochs.log")

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time that Bochs has used, which a busy host does not change much; 0 at its end."""
        text = read_text(Path(f"/proc/{self.process.pid}/stat")) if self.process.poll() is None else ""
        if not text:
            return 0.0
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def step(self, seconds: float = SLICE) -> bool:
        """Wait a moment, reading the drawn screen; return true if the machine still runs."""
        self.screen.feed(self.console.read(seconds))
        return self.process.poll() is None

    def report(self) -> Progress:
        """Return the progress so far."""
        return Progress(self.seconds, read_text(self.serial_path))

    def finish(self, outcome: str) -> Result:
        """End the process if it still runs, and return the result."""
        stop_process(self.process)
        self.screen.feed(self.console.read(0))
        folder = self.machine.folder
        log = self.read_log()
        (folder / "screen.txt").write_text(self.screen.text() + "\n")
        return Result(outcome, self.process.returncode, read_text(self.serial_path), read_text(folder / "serial2.txt"),
                      self.screen.text(), self.console.e9(), log, read_panic(log), read_ticks(log),
                      self.console.stops(), self.seconds)


def find_wall_clock_limit(timeout: float) -> float:
    """Return the limit in wall-clock seconds for `timeout` emulated ones; generous, since the host may be busy."""
    least, most = LAST_RESORT
    return max(timeout, min(max(least, SLOWEST * timeout), most))


def run_machine(machine: Machine, timeout: float, watch: Callable[[Progress], bool] = lambda _: True) -> Result:
    """Run the machine until it ends, `timeout` emulated seconds have passed, or `watch` returns False.

    The wall clock limits a run too: for a slow host, or a CPU in HLT with IF clear under the debugger.
    """
    limit = find_wall_clock_limit(timeout)
    with Run(replace(machine, ticks=int(timeout * IPS))) as run:
        while run.step():
            if machine.cpus > 1 and machine.is_debugged and run.is_out_of_time:
                return run.finish("timeout")
            if run.seconds > limit:
                return run.finish("too-slow")
            if not watch(run.report()):
                return run.finish("stopped")
        return run.finish("timeout" if run.is_out_of_time else "ended")
