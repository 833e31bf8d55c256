"""gcc, nasm and ld: from sources to the Multiboot image, compiling only what changed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from codegen.image.tree import Tree, is_watched, stamp_path

C_FLAGS = (
    "-std=gnu11", "-O2", "-g", "-ffreestanding", "-mcmodel=kernel", "-mno-red-zone", "-mgeneral-regs-only", "-fno-pic",
    "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
    "-fno-jump-tables",  # where the code goes is nothing that a caller's number is looked up for
    "-falign-functions=4", "-falign-jumps=1", "-falign-loops=1", "-falign-labels=1",  # 4 KiB of the image is not air
    "-Wall", "-Wextra", "-Winit-self", "-Wshadow", "-Werror",
)
C32_SUFFIX = ".32.c"  # runs before long mode, on processors that may lack it; link.ld places it
C32_FIRST = "runtime/boot/multiboot/code32.h"
C32_FLAGS = (
    "-std=gnu11", "-Os", "-g", "-ffreestanding", "-m32", "-march=i386", "-mgeneral-regs-only", "-fno-pic",
    "-mpreferred-stack-boundary=2", "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
    "-fno-dwarf2-cfi-asm", "-fno-jump-tables", "-Wa,--64", "-include", C32_FIRST,
    "-Wall", "-Wextra", "-Werror",
)
NASM_FLAGS = ("-w+error", "-f", "elf64")
LINK_FLAGS = ("-z", "max-page-size=4096", "-z", "noexecstack", "--build-id=none", "-n")


class ToolError(Exception):
    """gcc, nasm or ld refused; the text is what it said."""


def build_image(tree: Tree) -> list[str]:
    """Compile and link; return the names of what was compiled anew. ToolError has the tool's own words."""
    objects = tree.build / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    with lock_objects(objects), ThreadPoolExecutor(2) as pool:
        remove_all(objects.glob("*.new*"))  # of a build that was interrupted
        includes = Includes(tree.root, tree.includes)
        largest_first = sorted(tree.sources(), key=lambda source: -source.stat().st_size)
        jobs = [make_job(source, tree, objects, includes) for source in largest_first]
        results = list(pool.map(lambda job: compile_source(job, tree), jobs))
        wanted = {job.object for job in jobs}
        remove_all(path for path in objects.glob("*.o") if path not in wanted)
        link(sorted(wanted), tree)
    return [job.object.name for job, fresh in zip(jobs, results, strict=True) if fresh]


@dataclass(frozen=True)
class Job:
    """A source, the files that go into it, and its object, whose name holds the digest of all of them."""

    source: str
    files: frozenset[str]
    digest: str
    object: Path


def make_job(source: Path, tree: Tree, objects: Path, includes: Includes) -> Job:
    """Return what there is to do about a source. ToolError where a change of a file would not be noticed."""
    name = source.relative_to(tree.root).as_posix()
    files = includes.list_all(*list_inputs_of(name))
    unwatched = [file for file in files if not is_watched(file, tree)]
    if unwatched:
        raise ToolError(f"{name} includes {unwatched[0]}, which is in no folder of codegen/image/tree.py's INPUTS")
    digest = includes.digest(list_inputs_of(name), command_for(source, tree))
    return Job(name, frozenset(files), digest, objects / f"{source.parent.name}-{source.name}.{digest[:16]}.o")


def list_inputs_of(source: str) -> tuple[str, ...]:
    """Return a source and what its command includes before it."""
    return (source, C32_FIRST) if source.endswith(C32_SUFFIX) else (source,)


def compile_source(job: Job, tree: Tree) -> bool:
    """Make the object unless it is there; say whether it was made now."""
    if job.object.exists():
        return False
    temporary = job.object.with_suffix(".new")
    confirm(job, make_object(job.source, temporary, tree), tree)
    temporary.replace(job.object)
    return True


def make_object(source: str, path: Path, tree: Tree) -> set[str]:
    """Compile or assemble; return the files that were read."""
    command = command_for(tree.root / source, tree)
    if command[0] == "nasm":
        run([*command, source, "-o", str(path)], tree.root)
        return parse_rule(run([*command, "-M", source], tree.root))  # NASM 2.16's -MD lists no included file
    rule = Path(f"{path}.d")
    run([*command, source, "-o", str(path), "-MMD", "-MF", str(rule)], tree.root)
    files = parse_rule(rule.read_text())
    rule.unlink()
    return files


def confirm(job: Job, read: set[str], tree: Tree) -> None:
    """Raise where the compiler read a file that the digest does not hold, or a file changed under it."""
    missed = sorted(read - job.files)
    if missed:
        raise ToolError(f"{job.source}: the compiler read {', '.join(missed)}, which its list of includes misses")
    command = command_for(tree.root / job.source, tree)
    if Includes(tree.root, tree.includes).digest(list_inputs_of(job.source), command) != job.digest:
        raise ToolError(f"{job.source}: a file changed while it was compiled; build again")


def lock_objects(objects: Path) -> IO[str]:
    """Return an open file that holds the lock: two builds of a tree compile and link one after the other."""
    file = (objects / "lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def command_for(source: Path, tree: Tree) -> list[str]:
    """Return how a source is compiled or assembled."""
    if source.suffix == ".c":
        flags = C32_FLAGS if source.name.endswith(C32_SUFFIX) else C_FLAGS
        folders = [f"-I{one}" for one in tree.includes]
        return ["gcc", *flags, *tree.defines, f"-ffile-prefix-map={tree.root}=.", *folders, "-c"]
    return ["nasm", *NASM_FLAGS, *(f"-I{one}/" for one in tree.includes)]


def link(objects: Iterable[Path], tree: Tree) -> None:
    """Link all objects; an image is replaced as a whole, and no stamp vouches for it until it is verified."""
    stamp_path(tree).unlink(missing_ok=True)
    script = "runtime/link.ld"
    names = [str(path.relative_to(tree.root)) for path in objects]
    debug, stripped = (path.with_suffix(".new") for path in (tree.debug_image, tree.image))
    run(["ld", *LINK_FLAGS, "-T", script, "-o", str(debug), *names], tree.root)
    run(["strip", "-o", str(stripped), str(debug)], tree.root)
    debug.replace(tree.debug_image)
    stripped.replace(tree.image)


def run(command: list[str], root: Path) -> str:
    """Run a tool and return its output, or raise with what it said."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{' '.join(command[:1])} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def remove_all(paths: Iterable[Path]) -> None:
    """Delete files."""
    for path in paths:
        path.unlink(missing_ok=True)


# ---- the files that one source includes, directly or not, and the digest that names its object
#
# The include lines are read here, before the compiler runs, so that nothing has to be remembered between builds: a
# header that appears in an earlier folder, moves or goes changes the digest like one that is edited. The compiler's own
# list of what it read (`gcc -MMD`, `nasm -M`) confirms each list that is used.


# Lines in comments and under a false #if count too: a file too many costs a compilation, one too few a wrong image.
INCLUDE = re.compile(rb"""^[ \t]*[#%][ \t]*(?:include|include_next|import)[ \t]*(["<'`])([^">'`\n]+)""", re.MULTILINE)


class Includes:
    """What files include, each of them read once. Names are from the root, where the compilers run."""

    def __init__(self, root: Path, folders: Iterable[str]) -> None:
        """Search `folders` (from the root) in this order, as -I does."""
        self.root = root
        self.folders = tuple(folders)
        self.contents: dict[str, bytes | None] = {}
        self.direct: dict[str, tuple[str, ...]] = {}

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None where there is no such file."""
        if name not in self.contents:
            try:
                self.contents[name] = (self.root / name).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                self.contents[name] = None
        return self.contents[name]

    def find(self, name: str, quote: str, includer: str) -> str | None:
        """Return the file that an include line names: the first one in the compiler's order of search."""
        for folder in self.choose_folders(quote, includer):
            path = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 (pathlib takes ten times as long)
            if self.read(path) is not None:
                return path
        return None

    def choose_folders(self, quote: str, includer: str) -> tuple[str, ...]:
        """Return the folders to search: NASM starts where it runs, C with quotes beside the file that includes."""
        if includer.endswith((".asm", ".inc")):
            return (".", *self.folders)
        return (os.path.dirname(includer), *self.folders) if quote == '"' else self.folders  # noqa: PTH120

    def list_direct(self, name: str) -> tuple[str, ...]:
        """Return the files that one file's own lines include; those of the system are not found and not listed."""
        if name not in self.direct:
            lines = INCLUDE.findall(self.read(name) or b"")
            found = [self.find(wanted.decode(), quote.decode(), name) for quote, wanted in lines]
            self.direct[name] = tuple(path for path in found if path is not None)
        return self.direct[name]

    def list_all(self, *sources: str) -> list[str]:
        """Return sources and all that they include, sorted."""
        found = set(sources)
        waiting = list(sources)
        while waiting:
            fresh = set(self.list_direct(waiting.pop())) - found
            found |= fresh
            waiting += fresh
        return sorted(found)

    def digest(self, sources: Iterable[str], command: Iterable[str]) -> str:
        """Return a digest of a command, and of the names and contents of all files that go in."""
        digest = hashlib.sha256("\0".join(command).encode())
        for name in self.list_all(*sources):
            content = self.read(name) or b""
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def parse_rule(text: str) -> set[str]:
    """Return the files that a compiler's rule for make names, from the folder where the compiler ran."""
    _, _, files = text.replace("\\\n", " ").partition(": ")
    names = re.findall(r"(?:\\ |\S)+", files)
    return {os.path.normpath(name.replace("\\ ", " ")) for name in names}
