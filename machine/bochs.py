"""A machine in Bochs: its configuration file, its process, and its records."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from machine.console import Console
from machine.paths import MachineFault, make_folder
from machine.screen import Screen

IPS = 100_000_000  # instructions in an emulated second
SHARE = Path("/usr/share/bochs")
HOST_MEMORY = 2047  # MiB of guest memory that Bochs keeps in memory; the rest is in a file
DEFAULT_MODEL = "corei7_skylake_x"
TICK_STAMP = re.compile(r"^(\d{11,})[a-z]\[", re.MULTILINE)
PANIC = re.compile(r">>PANIC<< (.*)")
SLICE = 0.2  # seconds between two polls of a running machine
LAST_RESORT = (600.0, 3600.0)  # limits of wall-clock seconds: of any run, and of a longer one
SMP_SLACK = 2  # seconds of Bochs's processor time for an emulated one, with several CPUs
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
    bochs: Path = Path("bochs")
    extra: tuple[str, ...] = ()  # further lines of the configuration
    debugger: tuple[str, ...] = ("c", "quit")  # for Bochs's debugger, where it has one: it stops at a reset
    ticks: int | None = None  # the debugger stops there too (with one CPU), so that `quit` bounds the emulated time


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
        f"romimage: file={SHARE}/BIOS-bochs-latest, options=fastboot",
        f"vgaromimage: file={SHARE}/VGABIOS-lgpl-latest",
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
    """Return true if this Bochs was built with the debugger, which needs commands to continue."""
    return "-rc filename" in ask_help(bochs)


def check_model(machine: Machine) -> None:
    """Raise MachineFault if this Bochs does not have the processor model."""
    models = [line for line in ask_help(machine.bochs, "cpu").splitlines() if re.fullmatch(r"[a-z0-9_]+", line)]
    if machine.model not in models:
        raise MachineFault(f"unknown-cpu: `{machine.model}` is not a model of `{machine.bochs}`: {', '.join(models)}")


def start_process(machine: Machine, console: Console) -> subprocess.Popen[bytes]:
    """Start Bochs on the console's terminal, in its own process group."""
    folder = machine.folder
    command: list[str | Path] = ["setpriv", "--pdeathsig", "KILL"]  # Bochs is killed with the program that started it
    command += [machine.bochs, "-q", "-f", folder / "bochsrc"]
    if has_debugger(machine.bochs):
        bound = (f"sba {machine.ticks}",) if machine.ticks and machine.cpus == 1 else ()  # at an absolute time
        (folder / "debugger.rc").write_text("\n".join([*bound, *machine.debugger]) + "\n")
        command += ["-rc", folder / "debugger.rc"]
    variables = dict(os.environ, TERM="vt100", LINES="30", COLUMNS="100")
    tty = console.terminal
    return subprocess.Popen(command, stdin=tty, stdout=tty, stderr=tty, env=variables, start_new_session=True)


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
        self.console = Console(draws_on_output=not has_debugger(machine.bochs))
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
        if self.machine.ticks is None:
            return False
        if self.machine.cpus > 1:
            return self.process.poll() is None and self.cpu_seconds > SMP_SLACK * self.machine.ticks / IPS
        stops = self.console.stops()
        return bool(stops) and stops[-1] >= self.machine.ticks

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time that Bochs has used, which a busy host does not change much."""
        text = read_text(Path(f"/proc/{self.process.pid}/stat"))
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
        log = read_text(folder / "bochs.log")
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

    The wall clock limits a run too: for a slow host, a CPU in HLT with IF clear, or a Bochs without the debugger.
    """
    limit = find_wall_clock_limit(timeout)
    with Run(replace(machine, ticks=int(timeout * IPS))) as run:
        while run.step():
            if machine.cpus > 1 and run.is_out_of_time:
                return run.finish("timeout")
            if run.seconds > limit:
                return run.finish("too-slow")
            if not watch(run.report()):
                return run.finish("stopped")
        return run.finish("timeout" if run.is_out_of_time else "ended")
