"""Make dom0's initramfs: busybox, a few kernel modules, the self-check, and the user's additions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine.compile import build_luv, compile_program
from machine.cpio import Entry, make_directory, make_file, make_link, write_archive
from machine.debian import Kernel, read_modules
from machine.paths import BUILD, GENERATED, INSTRUMENTED, USERSPACE, MachineFault

SCRIPTS = Path(__file__).resolve().parent / "dom0"
BUSYBOX = Path("/bin/busybox")
MODULES = ("msr", "cpuid")
# In the order in which they are loaded. kmem makes system memory of a device that it gets: so it is there first.
POOL_MODULES = ("kmem", "device_dax", "libnvdimm", "nd_btt", "nd_pmem", "dax_pmem", "nd_e820")
ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n",
    "etc/group": b"root:x:0:\nuser:x:1000:\nkvm:x:100:user\n",
}
FOLDERS = (
    "bin", "dev", "etc", "luv", "luv/boot", "luv/modules", "luv/pool", "proc", "root", "run", "sbin", "sys", "tmp",
    "usr", "usr/bin", "usr/sbin",
)
CHARACTER_DEVICE = 0o020600


@dataclass(frozen=True)
class Contents:
    """What goes into dom0 besides the fixed parts: a shell command for `/luv/exec`, paths for `/root`, the counts."""

    command: str = ""
    additions: tuple[Path, ...] = ()
    counts: bool = False  # dom0 prints the exit counts at its end
    instrumented: bool = False
    store: tuple[str, ...] = ()  # kernel modules that reach the second disk, in their order


def list_addition(path: Path) -> Iterator[Entry]:
    """Yield the entries of a file or folder of the user's, in `/root` by its own name."""
    if not path.exists():
        raise MachineFault(f"no-such-path: --with {path}: there is no such file or folder")
    path = path.resolve()
    inside = sorted(path.rglob("*")) if path.is_dir() and not path.is_symlink() else []
    for item in [path, *inside]:
        place = f"root/{item.relative_to(path.parent)}"
        if item.is_symlink():
            yield make_link(place, str(item.readlink()))
        elif item.is_dir():
            yield make_directory(place)
        else:
            yield make_file(place, item.read_bytes(), executable=bool(item.stat().st_mode & 0o111))


def list_fixed(kernel: Kernel) -> Iterator[Entry]:
    """Yield the entries of every dom0."""
    yield from (make_directory(folder) for folder in FOLDERS)
    yield Entry("dev/console", CHARACTER_DEVICE, device=(5, 1))
    yield Entry("dev/null", CHARACTER_DEVICE, device=(1, 3))
    yield make_file("bin/busybox", BUSYBOX.read_bytes(), executable=True)
    yield make_file("init", (SCRIPTS / "init.sh").read_bytes(), executable=True)
    yield make_file("luv/selfcheck", compile_program(USERSPACE / "selfcheck.c"), executable=True)
    for name, content in read_modules(kernel, MODULES).items():
        yield make_file(f"luv/modules/{name}.ko", content)
    yield from list_pool(kernel)


def list_pool(kernel: Kernel) -> Iterator[Entry]:
    """Yield the modules, script and program that open the pools; without a pool they do nothing."""
    yield make_file("luv/boot/luv", build_luv().read_bytes(), executable=True)
    yield make_file("luv/pool.sh", (SCRIPTS / "pool.sh").read_bytes(), executable=True)
    yield from (make_file(path, content) for path, content in ACCOUNTS.items())
    for number, (name, content) in enumerate(read_modules(kernel, POOL_MODULES).items()):
        yield make_file(f"luv/pool/{number}-{name}.ko", content)


def list_store(kernel: Kernel, modules: Sequence[str]) -> Iterator[Entry]:
    """Yield the modules and script that mount the second disk, if there is one."""
    if modules:
        yield make_directory("luv/store")
        yield make_file("luv/store.sh", (SCRIPTS / "store.sh").read_bytes(), executable=True)
    for number, (name, content) in enumerate(read_modules(kernel, modules).items()):
        yield make_file(f"luv/store/{number}-{name}.ko", content)


def compile_counts(instrumented: bool) -> bytes:
    """Return the program that prints the counts; the instrumented build has one more hypercall."""
    build, generated = (INSTRUMENTED, INSTRUMENTED / "generated") if instrumented else (BUILD, GENERATED)
    return compile_program(USERSPACE / "counts.c", build, generated)


def list_additions(paths: Sequence[Path]) -> Iterator[Entry]:
    """Yield the entries of the user's additions; raise MachineFault if two have one name."""
    names = [path.resolve().name for path in paths]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise MachineFault(f"same-name: --with was given `{min(twice)}` twice")
    for path in paths:
        yield from list_addition(path)


def make_initrd(kernel: Kernel, contents: Contents = Contents()) -> bytes:
    """Return the initramfs as an uncompressed archive: on an emulator reading more costs less than inflating."""
    entries = [*list_fixed(kernel), *list_additions(contents.additions)]
    if contents.counts:
        entries.append(make_file("luv/counts", compile_counts(contents.instrumented), executable=True))
    entries += list_store(kernel, contents.store)
    entries.append(make_file("luv/exec", (contents.command + "\n").encode()))
    return write_archive(entries)
