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
    if not root.is_dir():
        return {}
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in KEEP]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files}


def publish(outputs: list[Output], root: Path) -> list[str]:
    """Write what changed and remove what is gone; every new text is on disk before the first name changes."""
    stale = set(find_stale(outputs, root))
    root.mkdir(parents=True, exist_ok=True)
    fresh = [(root / one.name, write_beside(root / one.name, one.text)) for one in outputs if one.name in stale]
    for path, temporary in fresh:
        temporary.replace(path)
    wanted = {one.name for one in outputs}
    for name in stale - wanted:
        (root / name).unlink()
    return sorted(stale)


def write_beside(path: Path, text: str) -> Path:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    return temporary
