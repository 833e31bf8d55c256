"""`build.py run`: build, prepare the machine, boot it, and print dom0's output."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from machine.bochs import SMP_SLACK, Progress, Result, run_machine
from machine.emulator import find_bochs, runs_debugged
from machine.markers import find_init_tick, find_output, find_status
from machine.paths import BUILD, IMAGE, INSTRUMENTED, POISONED, MachineFault
from machine.prepare import prepare_machine
from machine.progress import Reporter
from machine.record import Recorder, make_recorder
from machine.request import STATUS_FAULT, STATUS_TIMEOUT, Outcome, Request
from machine.shell import run_shell
from machine.workfolder import hold_folder

TIMEOUTS = ("timeout", "too-slow")
TAIL = 25  # lines of serial output shown with an error


def build_image(instrument: bool = False, poison: bool = False) -> int:
    """Bring build/luvalley.elf up to date, or one of the builds for tests; return the compiler's exit status."""
    options = {"--instrument": instrument, "--poison": poison}
    command = [sys.executable, "-m", "codegen.cli", "build", *(name for name, given in options.items() if given)]
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode


def choose_image(request: Request) -> Path:
    """Return the file of the build that the request is for."""
    if request.poison:
        return POISONED / IMAGE.name
    return INSTRUMENTED / IMAGE.name if request.instrument else IMAGE


def find_recorder(request: Request) -> Recorder | None:
    """Return the recorder of the run; called right after the build, so that it has the digest of the built spec."""
    if request.record is None:
        return None
    names = INSTRUMENTED / "branches.json" if request.instrument else None
    return make_recorder(request.record, request.record_as, names)


class Follower:
    """Copy the output of a run to standard output as it appears, and show progress meanwhile."""

    def __init__(self, select_text: Callable[[str], str]) -> None:
        self.select_text = select_text
        self.reporter = Reporter()
        self.written = 0

    def follow(self, progress: Progress) -> bool:
        """Process the serial output so far."""
        text = self.select_text(progress.serial)
        text = text[:text.rfind("\n") + 1]  # whole lines only, so that no part of the closing marker is shown
        if len(text) > self.written:
            self.write(text)
        else:
            self.reporter.show(progress)
        return True

    def write(self, text: str) -> None:
        """Write what is new in `text`."""
        self.reporter.clear()
        print(text[self.written:], end="", flush=True)
        self.written = len(text)

    def finish(self, serial: str) -> None:
        """Write what is left."""
        self.write(self.select_text(serial))


def describe_outcome(result: Result) -> Outcome:
    """Return dom0's output and status from the serial output of a run."""
    serial = result.serial
    return Outcome(find_output(serial), find_status(serial), find_init_tick(serial), result)


def boot(request: Request, folder: Path, luvalley: Path = IMAGE,
         watch: Callable[[Progress], bool] = lambda _: True) -> Outcome:
    """Run the machine of `request` in `folder`; Luvalley is not built first. For tests and measurements."""
    machine = prepare_machine(request, folder, luvalley)
    return describe_outcome(run_machine(machine, request.timeout, watch))


def say_timeout(request: Request) -> str:
    """Return the error for a machine that reached its time limit."""
    if request.shell:
        return f"timeout: the machine was stopped after {request.timeout:.0f} s"
    if request.cpus > 1 and runs_debugged(request.bochs or find_bochs(), request.cpus):
        return f"timeout: the machine was stopped after {SMP_SLACK * request.timeout:.0f} s of processor time"
    return f"timeout: the machine was stopped after {request.timeout:.0f} s of its own clock"


def explain_end(outcome: Outcome, request: Request, folder: Path) -> str:
    """Return the error for a run in which dom0 did not report a status."""
    result = outcome.result
    words = {"timeout": say_timeout(request),
             "too-slow": f"too-slow: this host did not emulate {request.timeout:.0f} s within {result.seconds:.0f} s",
             "stopped": "stopped: the machine was ended from outside"}
    what = words.get(result.outcome, "dom0-died: the machine ended before dom0 had finished")
    tail = "\n".join(result.serial.replace("\r", "").splitlines()[-TAIL:])
    what += f" ({result.panic})" if result.panic else ""
    return f"{what}; the record is in {folder}\n--- serial ---\n{tail}\n--- screen ---\n{result.screen}"


def run_quietly(request: Request, folder: Path, recorder: Recorder | None = None) -> int:
    """Boot dom0, show the output of its command, and return the status that it reports."""
    follower = Follower(find_output)
    outcome = boot(request, folder, choose_image(request), follower.follow)
    follower.finish(outcome.result.serial)
    if outcome.status is not None:
        if recorder:
            recorder.write(outcome.result.serial)
        return outcome.status
    print(explain_end(outcome, request, folder), file=sys.stderr)
    return STATUS_TIMEOUT if outcome.result.outcome in TIMEOUTS else STATUS_FAULT


def run_interactively(request: Request, folder: Path, recorder: Recorder | None = None) -> int:
    """Boot dom0 to a shell on the user's terminal."""
    result = run_shell(prepare_machine(request, folder, choose_image(request)), request.timeout)
    outcome = describe_outcome(result)
    if recorder and outcome.status is not None:
        recorder.write(result.serial)
    if outcome.status is not None or result.outcome == "stopped":
        return outcome.status or 0
    print(explain_end(outcome, request, folder), file=sys.stderr)
    return STATUS_TIMEOUT if result.outcome in TIMEOUTS else STATUS_FAULT


def run_image(request: Request, folder: Path) -> int:
    """Boot the user's disk image, show its serial output and at the end its screen."""
    follower = Follower(lambda serial: serial.replace("\r\n", "\n"))
    result = run_machine(prepare_machine(request, folder, choose_image(request)), request.timeout, follower.follow)
    follower.finish(result.serial)
    print(f"--- screen ---\n{result.screen}\n--- recorded in {folder}: serial.txt, screen.txt ---")
    if result.outcome not in TIMEOUTS:
        return 0
    print(say_timeout(request), file=sys.stderr)
    return STATUS_TIMEOUT


def run_request(request: Request) -> int:
    """Perform the request and return the exit status."""
    if not request.bare and (status := build_image(request.instrument, request.poison)):
        return status
    recorder = find_recorder(request)
    try:
        with hold_folder(BUILD / "run") as folder:
            if request.image:
                return run_image(request, folder)
            run = run_interactively if request.shell else run_quietly
            return run(request, folder, recorder)
    except MachineFault as fault:
        print(f"build.py: {fault}", file=sys.stderr)
        return STATUS_FAULT
