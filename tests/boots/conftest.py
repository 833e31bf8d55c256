"""Guests built once, and the image under test."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from machine.paths import BUILD, IMAGE, ROOT, make_folder
from tests.boots.kit import build_guest


@pytest.fixture(scope="session")
def luvalley() -> Path:
    """Return the image, brought up to date."""
    with (make_folder(BUILD) / "test-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, "-m", "codegen.cli", "build"], cwd=ROOT, capture_output=True, text=True,
                              check=False)
    assert done.returncode == 0, done.stderr
    return IMAGE


@pytest.fixture(scope="session")
def guest_image(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the function that builds a guest by its folder's name, once."""
    return cache(lambda name: build_guest(name, tmp_path_factory.mktemp(name)))
