"""A folder for one run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine.paths import make_folder


@contextmanager
def hold_folder(path: Path) -> Iterator[Path]:
    """Give the folder `path`, or while another run holds that, one of our own beside it."""
    folder = make_folder(path)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        folder = make_folder(path.with_name(f"{path.name}-{os.getpid()}"))
    with lock:
        yield folder
