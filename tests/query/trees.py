"""Share the parse cache with copies of the tree."""

from __future__ import annotations

from pathlib import Path

from tests.lib.support import ROOT

CACHE = ROOT / "build" / "syntax"


def share_syntax(root: Path) -> None:
    """Link the parse cache, so that a copied tree is not parsed again."""
    (root / "build").mkdir(exist_ok=True)
    (root / "build" / "syntax").symlink_to(CACHE)
