"""A machine without VT-x for the library: Debian's kernel and its kvm-amd in QEMU's TCG, with QEMU inside.

What runs inside is a shell script; the machine's last line says its exit status.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from machine.command import run_command
from machine.cpio import Entry, make_directory, make_file, write_archive
from machine.debian import Kernel, find_module, get_kernel
from machine.initrd import BUSYBOX, CHARACTER_DEVICE, FLAGS
from machine.paths import BUILD, DOM0, GENERATED, make_folder

QEMU = Path("/usr/bin/qemu-system-x86_64")
ROMS = (
    "/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/vgabios-stdvga.bin",
    "/usr/share/qemu/kvmvapic.bin", "/usr/share/qemu/linuxboot_dma.bin", "/usr/share/qemu/multiboot_dma.bin",
)
MODULES = ("irqbypass", "kvm", "kvm-amd")
GUEST_MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk")
HERE = Path(__file__).resolve().parent
WORK = BUILD / "domu"
LIBRARY = DOM0 / "libluvkvm"
LIBRARY_FLAGS = (
    "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
    "-fvisibility=hidden", "-fPIC", "-shared", "-Wl,--no-undefined",
)
STATUS = re.compile(r"^@host status (\d+)$", re.MULTILINE)
QUIET = "console=ttyS0 quiet nokaslr mitigations=off no_timer_check cryptomgr.notests=1 random.trust_cpu=on audit=0"


@dataclass(frozen=True)
class Result:
    """How a script inside ended, None if it did not, and what the machine's console says."""

    status: int | None
    console: str


def build_library() -> Path:
    """Compile the library; return it."""
    library = make_folder(WORK) / "libluvkvm.so"
    run_command(["gcc", *LIBRARY_FLAGS, "-o", library, *sorted(LIBRARY.glob("*.c")), "-lZydis", "-lpthread"])
    return library


def build_command() -> Path:
    """Compile the luv command; return it."""
    program = make_folder(WORK) / "luv"
    run_command(["gcc", *FLAGS, f"-I{GENERATED}", "-o", program, *sorted((DOM0 / "luv").glob("*.c"))])
    return program


def find_libraries(program: Path) -> dict[str, Path]:
    """Return the shared libraries of a program, by the path that it looks for."""
    found = {}
    for line in run_command(["ldd", program]).splitlines():
        words = line.split()
        path = words[2] if "=>" in words else words[0]
        if path.startswith("/"):
            found[path] = Path(path).resolve()
    return found


def list_folders(files: Mapping[str, object]) -> list[str]:
    """Return every folder that the paths need."""
    folders: set[str] = set()
    for path in files:
        folders.update(str(parent) for parent in Path(path).parents if str(parent) != ".")
    return sorted(folders)


def collect_qemu(library: Path) -> dict[str, Path]:
    """Return QEMU with all that it opens: libraries, firmware."""
    files = {**find_libraries(QEMU), **find_libraries(library)}
    files |= {str(QEMU): QEMU, "/bin/libluvkvm.so": library, "/bin/luv": build_command()}
    for rom in ROMS:
        files[f"/usr/share/qemu/{Path(rom).name}"] = Path(rom)
    return {path.removeprefix("/"): place for path, place in files.items()}


def make_guest(kernel: Kernel) -> bytes:
    """Return the inner guest's initramfs."""
    init = (HERE / "guests" / "init.sh").read_bytes()
    entries = [make_directory(folder) for folder in ("bin", "dev", "proc", "sys", "modules")]
    entries += [Entry("dev/console", CHARACTER_DEVICE, device=(5, 1))]
    entries += [make_file("bin/busybox", BUSYBOX.read_bytes(), True), make_file("init", init, True)]
    for name in GUEST_MODULES:
        entries.append(make_file(f"modules/{name}.ko", find_module(kernel, name).read_bytes()))
    return write_archive(entries)


def list_machine(kernel: Kernel, script: str, additions: Mapping[str, bytes]) -> Iterator[Entry]:
    """Yield the outer machine's initramfs."""
    files = {path: place.read_bytes() for path, place in collect_qemu(build_library()).items()}
    files |= {f"modules/{name}.ko": find_module(kernel, name).read_bytes() for name in MODULES}
    files |= {"bin/busybox": BUSYBOX.read_bytes(), "init": (HERE / "guests" / "host.sh").read_bytes()}
    files["linux.sh"] = (HERE / "guests" / "linux.sh").read_bytes()
    files |= {"guest/vmlinuz": kernel.vmlinuz.read_bytes(), "guest/initrd": make_guest(kernel)}
    files |= {"script": script.encode(), **additions}
    yield from (make_directory(folder) for folder in [*list_folders(files), "dev", "proc", "sys", "tmp"])
    yield Entry("dev/console", CHARACTER_DEVICE, device=(5, 1))
    for path, content in files.items():
        yield make_file(path, content, executable=True)


def run_nested(
    script: str, seconds: int, cpus: int = 1, additions: Mapping[str, bytes] = MappingProxyType({})
) -> Result:
    """Boot the machine with additional files, run `script` in it, and return how it ended."""
    kernel = get_kernel()
    initrd = make_folder(WORK) / "nested.cpio"
    console = WORK / "nested.txt"
    initrd.write_bytes(write_archive(list_machine(kernel, script, additions)))
    command: list[str | Path] = [
        QEMU, "-accel", "tcg", "-cpu", "max", "-smp", str(cpus), "-m", "1024", "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", f"file:{console}",
        "-kernel", kernel.vmlinuz, "-initrd", initrd, "-append", f"{QUIET} panic=-1",
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    text = console.read_text(errors="replace").replace("\r\n", "\n")
    found = STATUS.search(text)
    return Result(int(found[1]) if found else None, text)
