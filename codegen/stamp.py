"""Whether anything changed since the last image: sizes and times of all that goes in."""

from __future__ import annotations

from pathlib import Path

from codegen.tree import Tree

INPUTS = ("spec", "codegen", "runtime", "generated")


def list_inputs(tree: Tree) -> str:
    """A line for each input file: path, size (bytes), time of change (ns)."""
    paths = sorted(path for name in INPUTS for path in (tree.root / name).rglob("*") if is_input(path))
    paths += [tree.shared] if tree.shared.exists() else []
    stats = [(path.relative_to(tree.root).as_posix(), path.stat()) for path in paths]
    return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)


def is_input(path: Path) -> bool:
    """Whether a file's change matters."""
    return path.is_file() and "__pycache__" not in path.parts


def stamp_path(tree: Tree) -> Path:
    """Where the stamp is kept."""
    return tree.build / "stamp"


def is_current(tree: Tree) -> bool:
    """Whether nothing changed since the stamp."""
    stamp = stamp_path(tree)
    return tree.image.exists() and stamp.exists() and stamp.read_text() == list_inputs(tree)


def write_stamp(tree: Tree) -> None:
    """Remember what is now."""
    stamp_path(tree).write_text(list_inputs(tree))
