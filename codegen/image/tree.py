"""Where a tree keeps its parts, and whether any of them changed since the last image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

INPUTS = ("spec", "codegen", "runtime", "generated", "dom0", "tests", "bench", "machine")


@dataclass(frozen=True)
class Tree:
    """Where sources are and where objects go."""

    root: Path

    @property
    def build(self) -> Path:
        """Return where everything goes that is not committed."""
        return self.root / "build"

    @property
    def generated(self) -> Path:
        """Return where generated files go."""
        return self.root / "generated"

    @property
    def syntax(self) -> Path:
        """Return where the syntax of files is cached, for every build."""
        return self.root / "build" / "syntax"

    @property
    def includes(self) -> tuple[str, ...]:
        """Return folders of headers, from the root."""
        return (".", "runtime")

    @property
    def defines(self) -> tuple[str, ...]:
        """Return what C is compiled with besides the ordinary flags."""
        return ()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return where sources are."""
        roots = (self.root / "runtime", self.generated)
        return tuple(sorted(path for root in roots for path in (root, *root.rglob("*")) if path.is_dir()))

    @property
    def image(self) -> Path:
        """Return the image that is loaded."""
        return self.build / "luvalley.elf"

    @property
    def debug_image(self) -> Path:
        """Return the image with its symbols."""
        return self.build / "luvalley.debug.elf"

    def sources(self) -> list[Path]:
        """Return what is compiled."""
        return sorted(path for folder in self.folders for path in folder.iterdir() if path.suffix in (".c", ".asm"))

    @property
    def max_bytes(self) -> int:
        """Return what the image may load at most."""
        return 128 << 10


class InstrumentedTree(Tree):
    """The build that counts branches: all it writes lies in a separate folder."""

    @property
    def build(self) -> Path:
        """Return where everything goes that is not committed."""
        return self.root / "build" / "instrumented"

    @property
    def generated(self) -> Path:
        """Return where generated files go."""
        return self.build / "generated"

    @property
    def includes(self) -> tuple[str, ...]:
        """Return the folders with this build's `generated/` first."""
        return (self.build.relative_to(self.root).as_posix(), *super().includes)

    @property
    def max_bytes(self) -> int:
        """Return a higher limit: counting takes room."""
        return 192 << 10

    @property
    def branches(self) -> Path:
        """Return where the names of the counted branches are, in the order of their numbers."""
        return self.build / "branches.json"


class PoisonedTree(Tree):
    """The build for tests that fills each VMCS page before VMCLEAR, so that a field that nothing writes is seen."""

    @property
    def build(self) -> Path:
        """Return where everything goes that is not committed."""
        return self.root / "build" / "poisoned"

    @property
    def defines(self) -> tuple[str, ...]:
        """Return what turns the fill on: runtime/vmx/vmx.c."""
        return ("-DPOISON_VMCS",)


def list_inputs(tree: Tree) -> str:
    """Return a line for each input file: path, size (bytes), time of change (ns)."""
    paths = sorted(path for name in INPUTS for path in (tree.root / name).rglob("*") if is_input(path))
    stats = [(path.relative_to(tree.root).as_posix(), path.stat()) for path in paths]
    return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)


def is_input(path: Path) -> bool:
    """Say whether a file's change matters."""
    return path.is_file() and "__pycache__" not in path.parts


def is_watched(name: str, tree: Tree) -> bool:
    """Say whether the stamp notices a change of a file (its path from the root), or each build makes the file anew."""
    path = tree.root / name
    return name.partition("/")[0] in INPUTS or path.is_relative_to(tree.generated)


def stamp_path(tree: Tree) -> Path:
    """Return where the stamp is kept."""
    return tree.build / "stamp"


def is_current(tree: Tree) -> bool:
    """Say whether nothing changed since the stamp."""
    stamp = stamp_path(tree)
    return tree.image.exists() and stamp.exists() and stamp.read_text() == list_inputs(tree)


def write_stamp(tree: Tree, before: str) -> None:
    """Remember the inputs, unless one is not what it was `before` the build: then the image is not of what is there."""
    now = list_inputs(tree)
    if select_handwritten(now) == select_handwritten(before):
        stamp_path(tree).write_text(now)


def select_handwritten(lines: str) -> list[str]:
    """Return the lines of a list of inputs that a build does not change."""
    return [line for line in lines.splitlines() if not line.startswith("generated/")]
