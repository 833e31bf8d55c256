"""Fixtures: the spec of spec/, and copies of it with edits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from codegen.query.reading import Reading, read_folder, read_sources
from codegen.source import SourceFile
from tests.lib.support import ROOT
from tests.query.trees import CACHE


@cache
def read_real() -> Reading:
    return read_folder(ROOT / "spec", CACHE)


def edit_spec(*edits: tuple[str, str, str]) -> Reading:
    """Return the spec with texts replaced, each once: (file, old, new)."""
    texts = {one.path: one.text for one in read_real().sources}
    for path, old, new in edits:
        assert texts[path].count(old) == 1, (path, old)
        texts[path] = texts[path].replace(old, new)
    return read_sources("edited", [SourceFile(path, text) for path, text in texts.items()], CACHE)


@pytest.fixture
def real() -> Reading:
    return read_real()


@pytest.fixture
def edited() -> Callable[..., Reading]:
    return edit_spec
