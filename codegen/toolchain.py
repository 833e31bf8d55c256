"""gcc, nasm and ld: from sources to the Multiboot image, compiling only what changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from codegen.tree import Tree

C_FLAGS = (
    "-std=gnu11", "-O2", "-g", "-ffreestanding", "-mcmodel=kernel", "-mno-red-zone", "-mgeneral-regs-only", "-fno-pic",
    "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
    "-fno-jump-tables",  # where the code goes is nothing that a caller's number is looked up for
    "-falign-functions=4", "-falign-jumps=1", "-falign-loops=1", "-falign-labels=1",  # 4 KiB of the image is not air
    "-Wall", "-Wextra", "-Werror",
)
C32_SUFFIX = ".32.c"  # runs before long mode, on processors that may lack it; link.ld places it
C32_FLAGS = (
    "-std=gnu11", "-Os", "-g", "-ffreestanding", "-m32", "-march=i386", "-mgeneral-regs-only", "-fno-pic",
    "-mpreferred-stack-boundary=2", "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
    "-fno-dwarf2-cfi-asm", "-fno-jump-tables", "-Wa,--64", "-include", "boot/multiboot/code32.h",
    "-Wall", "-Wextra", "-Werror",
)
NASM_FLAGS = ("-w+error", "-f", "elf64")
LINK_FLAGS = ("-z", "max-page-size=4096", "-z", "noexecstack", "--build-id=none", "-n")


class ToolError(Exception):
    """gcc, nasm or ld refused; the text is what it said."""


def build_image(tree: Tree) -> list[str]:
    """Compile and link; the names of what was compiled anew. ToolError with the tool's own words."""
    objects = tree.build / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    common = digest_files(tree.headers())
    with ThreadPoolExecutor(2) as pool:
        largest_first = sorted(tree.sources(), key=lambda source: -source.stat().st_size)
        results = list(pool.map(lambda source: compile_source(source, tree, objects, common), largest_first))
    remove_others(objects, {path for path, _ in results})
    made = [path.name for path, fresh in results if fresh]
    link(sorted(path for path, _ in results), tree)
    return made


def compile_source(source: Path, tree: Tree, objects: Path, common: str) -> tuple[Path, bool]:
    """The object for a source, and whether it was made now; its name holds a digest of all that went in."""
    command = command_for(source, tree)
    digest = digest_files([source], common, *command)[:16]
    path = objects / f"{source.parent.name}-{source.name}.{digest}.o"
    if path.exists():
        return path, False
    temporary = path.with_suffix(f".{os.getpid()}.new")  # another build of this tree may be at the same one
    run([*command, str(source.relative_to(tree.root)), "-o", str(temporary)], tree.root)
    temporary.replace(path)
    return path, True


def command_for(source: Path, tree: Tree) -> list[str]:
    """How a source is compiled or assembled."""
    if source.suffix == ".c":
        flags = C32_FLAGS if source.name.endswith(C32_SUFFIX) else C_FLAGS
        return ["gcc", *flags, f"-ffile-prefix-map={tree.root}=.", *(f"-I{one}" for one in tree.includes), "-c"]
    return ["nasm", *NASM_FLAGS, *(f"-I{one}/" for one in tree.includes)]


def link(objects: Iterable[Path], tree: Tree) -> None:
    """The image of all objects."""
    script = "runtime/link.ld"
    names = [str(path.relative_to(tree.root)) for path in objects]
    run(["ld", *LINK_FLAGS, "-T", script, "-o", str(tree.debug_image), *names], tree.root)
    run(["strip", "-o", str(tree.image), str(tree.debug_image)], tree.root)


def run(command: list[str], root: Path) -> None:
    """Run a tool, or raise with what it said."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{' '.join(command[:1])} failed:\n{done.stderr or done.stdout}")


def digest_files(paths: Iterable[Path], *more: str) -> str:
    """One digest of texts and settings."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def remove_others(objects: Path, wanted: set[Path]) -> None:
    """Delete objects of sources that are gone."""
    for path in objects.glob("*.o"):
        if path not in wanted:
            path.unlink(missing_ok=True)
