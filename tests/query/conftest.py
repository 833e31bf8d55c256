"""Fixtures: the small spec of these tests, and copies of it with edits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from codegen.query.reading import Reading, read_sources
from codegen.source import SourceFile
from tests.query.trees import CACHE, load_sources


@cache
def read_small() -> Reading:
    return read_sources("spec", load_sources(), CACHE)


def edit_spec(*edits: tuple[str, str, str]) -> Reading:
    """Return the spec with texts replaced, each once: (file, old, new)."""
    texts = {one.path: one.text for one in read_small().sources}
    for path, old, new in edits:
        assert texts[path].count(old) == 1, (path, old)
        texts[path] = texts[path].replace(old, new)
    return read_sources("edited", [SourceFile(path, text) for path, text in texts.items()], CACHE)


@pytest.fixture
def small() -> Reading:
    return read_small()


@pytest.fixture
def edited() -> Callable[..., Reading]:
    return edit_spec
