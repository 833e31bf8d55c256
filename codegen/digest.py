"""What tells one spec from another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from codegen.source import SourceFile, load_files


def digest_sources(sources: Iterable[SourceFile]) -> str:
    """A digest of all names and texts."""
    digest = hashlib.sha256()
    for one in sources:
        digest.update(f"{one.path}\0{one.text}\0".encode())
    return digest.hexdigest()


def digest_spec(folder: Path) -> str:
    """The digest of the spec in a folder."""
    return digest_sources(load_files(folder, folder.name))
