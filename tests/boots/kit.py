"""Build small guests, boot them on the bare machine and under Luvalley, and parse their reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from machine.bochs import DEFAULT_MODEL, Machine, Result, run_machine
from machine.command import run_command
from machine.paths import GENERATED, ROOT
from machine.prepare import prepare_machine
from machine.record import Recorder
from machine.request import Request
from machine.run import choose_image

GUESTS = Path(__file__).parent.parent / "guests"
KIT = GUESTS / "kit"
SECTOR = 512
TAIL = 12  # lines of serial shown with a failure
REAL_MSRS = "cpu: ignore_bad_msrs=0"  # an unknown MSR is #GP, as on hardware
CFLAGS = (
    "-std=gnu11", "-O1", "-m64", "-ffreestanding", "-mno-red-zone", "-mgeneral-regs-only", "-fno-pic",
    "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-strict-aliasing",
    "-fno-toplevel-reorder",  # the cases run in the order of the source
    "-Wall", "-Wextra", "-Werror", f"-I{KIT}", f"-I{ROOT}",
)


# --- Building ---------------------------------------------------------------------------------------------------


def assemble_flat(source: Path, output: Path, **symbols: int) -> bytes:
    """Assemble a flat binary, with NASM symbols defined."""
    defines = [f"-D{name}={value}" for name, value in symbols.items()]
    run_command(["nasm", "-w+error", "-f", "bin", f"-I{source.parent}/", *defines, source, "-o", output])
    return output.read_bytes()


def compile_source(source: Path, folder: Path, generated: Path) -> Path:
    """Compile or assemble one file of a guest, with the hypercalls of a build."""
    output = folder / f"{source.name}.o"
    if source.suffix == ".c":
        run_command(["gcc", *CFLAGS, f"-I{generated / 'abi'}", "-c", source, "-o", output])
    else:
        folders = [f"-I{one}/" for one in (KIT, generated / "abi", generated / "vmx")]
        run_command(["nasm", "-w+error", "-f", "elf64", *folders, source, "-o", output])
    return output


def list_sources(folder: Path) -> list[Path]:
    """Return the C and NASM files of a folder, but for the boot sector."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".c", ".asm") and path.name != "boot.asm")


def build_guest(name: str, folder: Path, more: Sequence[Path] = (), generated: Path = GENERATED) -> Path:
    """Build the guest of `tests/guests/NAME` with the kit, and `more` sources; return its disk image."""
    sources = [*list_sources(KIT), *list_sources(GUESTS / name), *more]
    objects = [compile_source(source, folder, generated) for source in sources]
    elf, body = folder / "guest.elf", folder / "body.bin"
    link: list[str | Path] = ["ld", "-z", "noexecstack", "--no-warn-rwx-segments", "-n", "-T", KIT / "guest.ld"]
    run_command([*link, "-o", elf, *objects])
    run_command(["objcopy", "-O", "binary", "-R", ".bss", elf, body])
    content = body.read_bytes()
    sectors = -(-len(content) // SECTOR)
    image = folder / "guest.img"
    image.write_bytes(assemble_flat(KIT / "boot.asm", folder / "boot.bin", SECTORS=sectors) + content)
    return image


# --- Running ----------------------------------------------------------------------------------------------------


def prepare_image(image: Path, folder: Path, request: Request, extra: Sequence[str] = (REAL_MSRS,)) -> Machine:
    """Return the machine that boots a disk image, bare or under Luvalley."""
    folder.mkdir(parents=True, exist_ok=True)
    return replace(prepare_machine(replace(request, image=image), folder, choose_image(request)), extra=tuple(extra))


def describe_end(result: Result) -> str:
    """Describe how a machine ended, with the last lines of its serial output."""
    lines = result.serial.replace("\r", "").splitlines()[-TAIL:]
    words = f"the machine: {result.outcome} after {result.seconds:.0f} s; {result.panic or 'no panic'}"
    return "\n".join([words, "--- serial ---", *lines, "--- screen ---", result.screen])


# --- Reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """What a guest wrote: its checks, its records by case, name and number, and its figures."""

    cases: tuple[str, ...]
    failures: tuple[str, ...]
    passed: int
    records: dict[tuple[str, str, int], str]
    subsets: dict[str, int]
    figures: dict[str, int]
    log: tuple[str, ...]  # Luvalley's own lines among them
    hypervised: bool
    ended: bool
    end: str


def read_records(lines: Iterable[str]) -> dict[tuple[str, str, int], str]:
    """Return the recorded values by case, name and how often the name has come before in its case."""
    records: dict[tuple[str, str, int], str] = {}
    case = ""
    for line in lines:
        if line.startswith("case "):
            case = line[5:]
        if found := re.fullmatch(r"record (.*):((?: [0-9a-f]+)*)", line):
            number = sum(key[:2] == (case, found[1]) for key in records)
            records[case, found[1], number] = found[2].strip()
    return records


def read_failures(lines: Iterable[str]) -> Iterable[str]:
    """Yield the failed checks, each with its case."""
    case = ""
    for line in lines:
        if line.startswith("case "):
            case = line[5:]
        if line.startswith("not ok "):
            yield f"{case}: {line}"


def read_report(result: Result) -> Report:
    """Read a guest's serial record."""
    lines = result.serial.replace("\r", "").splitlines()
    figures = dict(re.findall(r"^figure (.*) (\d+)$", "\n".join(lines), re.MULTILINE))
    subsets = dict(re.findall(r"^subset (.*): ([0-9a-f]+)$", "\n".join(lines), re.MULTILINE))
    return Report(
        tuple(line[5:] for line in lines if line.startswith("case ")), tuple(read_failures(lines)),
        sum(line.startswith("ok ") for line in lines), read_records(lines),
        {name: int(value, 16) for name, value in subsets.items()},
        {name: int(value) for name, value in figures.items()},
        tuple(line for line in lines if re.match(r"luvalley: |dom0 (?:reads|writes) hidden memory at ", line)),
        "guest: hypervised" in lines, "guest: end" in lines, describe_end(result))


def run_guest(image: Path, folder: Path, *, bare: bool = False, cpus: int = 1, options: str = "",
              timeout: float = 90, model: str = DEFAULT_MODEL, recorder: Recorder | None = None) -> Report:
    """Boot a guest and read its report; it must have run to its end, where it should, without a failed check.

    With a recorder it runs under the build that counts branches, and the record of its run is written.
    """
    request = Request(cpus=cpus, model=model, bare=bare, options=options, instrument=recorder is not None)
    result = run_machine(prepare_image(image, folder, request), timeout)
    report = read_report(result)
    where = "bare" if bare else f"under Luvalley, {model}, {cpus} CPUs"
    failures = "\n".join(report.failures)
    assert report.ended, f"{where}: the guest did not end\n{failures}\n{report.end}"
    assert not failures, f"{where}:\n{failures}"
    assert report.hypervised != bare, f"{where}: the guest says hypervised={report.hypervised}"
    if recorder:
        recorder.write(result.serial)
    return report


def list_differences(bare: Report, guest: Report) -> list[str]:
    """Return the differences between a guest under Luvalley and the same guest on the bare machine."""
    found = [] if bare.cases == guest.cases else [f"cases: {bare.cases} and {guest.cases}"]
    for key, value in bare.records.items():
        other = guest.records.get(key, "nothing")
        if other != value:
            found.append(f"{key[0]}: {key[1]} ({key[2]}): bare {value}, under Luvalley {other}")
    for name, bits in bare.subsets.items():
        if added := guest.subsets.get(name, 0) & ~bits:
            found.append(f"{name}: bare {bits:x} lacks {added:x} that Luvalley shows")
    return found
