"""A folder that only one run uses at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine.paths import make_folder


@contextmanager
def hold_folder(path: Path) -> Iterator[Path]:
    """Yield the folder `path`, or a new one next to it while another run uses that."""
    folder = make_folder(path)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        folder = make_folder(path.with_name(f"{path.name}-{os.getpid()}"))
    with lock:
        yield folder
