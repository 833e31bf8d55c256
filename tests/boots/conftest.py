"""Fixtures: the guests, built once, and the images under test."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from codegen.query.reading import Reading, read_folder
from machine.paths import BUILD, IMAGE, INSTRUMENTED, ROOT, make_folder
from machine.record import Recorder, make_recorder
from tests.boots.kit import build_guest

RECORDS = BUILD / "records"


def build_luvalley(options: Sequence[str] = ()) -> None:
    """Bring a build up to date, under a lock."""
    command = [sys.executable, "-m", "codegen.cli", "build", *options]
    with (make_folder(BUILD) / "test-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def luvalley() -> Path:
    """Return the image, brought up to date."""
    build_luvalley()
    return IMAGE


@pytest.fixture(scope="session")
def instrumented() -> Recorder:
    """Bring the build that counts branches up to date; return what records its runs, for the spec as it was then."""
    build_luvalley(["--instrument"])
    return make_recorder(RECORDS, "", INSTRUMENTED / "branches.json")


@pytest.fixture
def recorder(instrumented: Recorder, request: pytest.FixtureRequest) -> Recorder:
    """Return what records a run of this test under the build that counts branches, in a file of the test's name."""
    path = RECORDS / f"{re.sub('[^a-z0-9]+', '-', request.node.name).strip('-')}.json"
    path.unlink(missing_ok=True)
    return replace(instrumented, path=path, by=request.node.nodeid)


@pytest.fixture(scope="session")
def guest_image(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the function that builds a guest by its folder's name, once."""
    return cache(lambda name: build_guest(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def built_spec(instrumented: Recorder) -> Reading:
    """Return the spec that the build which counts branches was just made from; that build comes first."""
    return read_folder(ROOT / "spec", BUILD / "syntax")
