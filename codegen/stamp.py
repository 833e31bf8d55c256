"""The stamp of the last image: sizes and times of all files that went in."""

from __future__ import annotations

from pathlib import Path

from codegen.tree import Tree

INPUTS = ("spec", "codegen", "runtime", "generated")


def list_inputs(tree: Tree) -> str:
    """Return a line for each input file: path, size (bytes), time of change (ns)."""
    paths = sorted(path for name in INPUTS for path in (tree.root / name).rglob("*") if is_input(path))
    paths += [tree.shared] if tree.shared.exists() else []
    stats = [(path.relative_to(tree.root).as_posix(), path.stat()) for path in paths]
    return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)


def is_input(path: Path) -> bool:
    """Say whether a file's change matters."""
    return path.is_file() and "__pycache__" not in path.parts


def is_watched(name: str, tree: Tree) -> bool:
    """Say whether the stamp notices a change of a file (its path from the root), or each build makes the file anew."""
    path = tree.root / name
    return name.partition("/")[0] in INPUTS or path == tree.shared or path.is_relative_to(tree.generated)


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
