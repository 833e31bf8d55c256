"""The spec that these tests ask about, and the parse cache for copies of the tree."""

from __future__ import annotations

import shutil
from pathlib import Path

from codegen.source import SourceFile, load_files
from tests.lib.support import ROOT

CACHE = ROOT / "build" / "syntax"
SPEC = Path(__file__).with_name("spec")
FACTS = ROOT / "spec" / "facts"


def load_sources() -> list[SourceFile]:
    """Return the small spec of these tests with the facts of the shipped one, as if it were in spec/."""
    sources = [*load_files(SPEC, "spec"), *load_files(FACTS, "spec/facts")]
    return sorted(sources, key=lambda one: one.path)


def write_spec(folder: Path) -> Path:
    """Write that spec into a folder, and return it."""
    shutil.copytree(SPEC, folder)
    shutil.copytree(FACTS, folder / "facts")
    return folder


def share_syntax(root: Path) -> None:
    """Link the parse cache, so that a copied tree is not parsed again."""
    (root / "build").mkdir(exist_ok=True)
    (root / "build" / "syntax").symlink_to(CACHE)
