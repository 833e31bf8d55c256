"""Generated files in memory, and their publication: all or nothing, and only what changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KEEP = {".gitattributes"}


@dataclass(frozen=True)
class Output:
    """One generated file: its name under generated/, and its whole text."""

    name: str
    text: str


def find_stale(outputs: list[Output], root: Path) -> list[str]:
    """Names that differ from what is published, are missing there, or should be gone."""
    wanted = {one.name: one.text for one in outputs}
    present = list_present(root)
    changed = [name for name, text in wanted.items() if present.get(name) != text]
    return sorted([*changed, *(name for name in present if name not in wanted)])


def list_present(root: Path) -> dict[str, str]:
    """What is published now."""
    if not root.is_dir():
        return {}
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in KEEP]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files}


def publish(outputs: list[Output], root: Path) -> list[str]:
    """Write what changed and remove what is gone; every new text is on disk before the first name changes."""
    stale = set(find_stale(outputs, root))
    root.mkdir(parents=True, exist_ok=True)
    fresh = write_all_beside([one for one in outputs if one.name in stale], root)
    for path, temporary in fresh.items():
        temporary.replace(path)
    wanted = {one.name for one in outputs}
    for name in stale - wanted:
        (root / name).unlink()
    return sorted(stale)


def write_all_beside(outputs: list[Output], root: Path) -> dict[Path, Path]:
    """Every text under a temporary name; where one cannot be written, none is left."""
    made: dict[Path, Path] = {}
    try:
        for one in outputs:
            path = root / one.name
            made[path] = path.with_name(path.name + ".new")
            write_beside(made[path], one.text)
    except OSError:
        for temporary in made.values():
            temporary.unlink(missing_ok=True)
        raise
    return made


def write_beside(temporary: Path, text: str) -> None:
    """Write one temporary file."""
    temporary.write_text(text, encoding="utf-8")
