"""Collect what dom0 needs to run domUs: QEMU with all files that it opens, libluvkvm and `luv`, and a guest."""

from __future__ import annotations

from pathlib import Path

from machine.command import run_command
from machine.compile import build_library, build_luv
from machine.cpio import Entry, make_directory, make_file, write_archive
from machine.debian import Kernel, read_modules
from machine.initrd import BUSYBOX, CHARACTER_DEVICE

GUEST = Path(__file__).resolve().parent / "guest"
QEMU = Path("/usr/bin/qemu-system-x86_64")
ROMS = (
    "/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/vgabios-stdvga.bin",
    "/usr/share/qemu/kvmvapic.bin", "/usr/share/qemu/linuxboot_dma.bin", "/usr/share/qemu/multiboot_dma.bin",
)
LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
GUEST_MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk")


def find_libraries(program: Path, root: Path | None = None) -> dict[str, Path]:
    """Return the shared libraries of a program by the path that it opens; `root` is the system that has them."""
    command: list[str | Path] = ["ldd"]
    if root:
        command = [root / LOADER, "--library-path", root / LIBRARIES, "--list"]
    found = {}
    for line in run_command([*command, program]).splitlines():
        words = line.split()
        path = words[2] if "=>" in words else words[0]
        if path.startswith("/"):
            found[path.removeprefix(str(root)) if root else path] = Path(path).resolve()
    return found


def collect_trixie(root: Path) -> dict[str, Path]:
    """Return the QEMU of another system, unpacked in `root`, with all files that it opens."""
    program = root / str(QEMU).removeprefix("/")
    files = {**find_libraries(program, root), f"/{LOADER}": root / LOADER, str(QEMU): program}
    for rom in ROMS:
        files[f"/usr/share/qemu/{Path(rom).name}"] = root / rom.removeprefix("/")
    return files


def collect_own() -> dict[str, Path]:
    """Return this system's QEMU, with all files that it opens."""
    files = {**find_libraries(QEMU), str(QEMU): QEMU}
    for rom in ROMS:
        files[f"/usr/share/qemu/{Path(rom).name}"] = Path(rom)
    return files


def collect_qemu(root: Path | None = None) -> dict[str, Path]:
    """Return QEMU with all files that it opens, the luv command and its library."""
    library = build_library()
    ours = {"/usr/bin/libluvkvm.so": library, "/usr/bin/luv": build_luv()}
    files = {**(collect_trixie(root) if root else collect_own()), **ours}
    have = {Path(path).name for path in files}
    files |= {path: place for path, place in find_libraries(library).items() if Path(path).name not in have}
    return {path.removeprefix("/"): place for path, place in files.items()}


def make_guest(kernel: Kernel) -> bytes:
    """Return the guest's initramfs."""
    init = (GUEST / "init.sh").read_bytes()
    entries = [make_directory(folder) for folder in ("bin", "dev", "proc", "sys", "modules")]
    entries += [Entry("dev/console", CHARACTER_DEVICE, device=(5, 1))]
    entries += [make_file("bin/busybox", BUSYBOX.read_bytes(), True), make_file("init", init, True)]
    for name, content in read_modules(kernel, GUEST_MODULES).items():
        entries.append(make_file(f"modules/{name}.ko", content))
    return write_archive(entries)


def collect_domu(kernel: Kernel, root: Path | None = None) -> dict[str, bytes]:
    """Return all that a dom0 needs to run a Linux guest, by its path; QEMU from the system in `root`, or this one's."""
    files = {path: place.read_bytes() for path, place in collect_qemu(root).items()}
    files |= {"guest/vmlinuz": kernel.vmlinuz.read_bytes(), "guest/initrd": make_guest(kernel)}
    return files | {f"guest/{name}": (GUEST / name).read_bytes() for name in ("linux.sh", "shell.sh")}
