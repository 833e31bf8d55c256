"""Copies of the tree to work on."""

from __future__ import annotations

from pathlib import Path

from tests.lib.support import ROOT

CACHE = ROOT / "build" / "syntax"


def share_syntax(root: Path) -> None:
    """A copied tree need not parse again what is parsed already."""
    (root / "build").mkdir(exist_ok=True)
    (root / "build" / "syntax").symlink_to(CACHE)
