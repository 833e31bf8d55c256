"""Layers of codegen/: each package imports only from lower ones, so emit/ sees only the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.lib.support import ROOT

TOP = {"cli", "commands", "compiler", "parse_cache", "book", "query", "house", "editor"}
ROOMS = {
    "source": set[str](),
    "diagnostics": {"source"},
    "errors": {"diagnostics", "source"},
    "language": {"diagnostics", "errors", "source"},
    "model": {"source"},
    "resolve": {"diagnostics", "errors", "language", "model", "source"},
    "check": {"diagnostics", "errors", "model", "source"},
    "emit": {"check", "model"},
    "image": {"emit", "model"},
}


def find_imports(path: Path) -> Iterator[str]:
    """Yield the packages of codegen/ that a module imports from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "codegen":
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("codegen."):
            yield node.module.split(".")[1]


def test_rooms_import_from_below() -> None:
    for path in sorted((ROOT / "codegen").rglob("*.py")):
        room = path.relative_to(ROOT / "codegen").with_suffix("").parts[0]
        if room not in TOP and room != "__init__":
            assert set(find_imports(path)) <= ROOMS[room] | {room}, path
