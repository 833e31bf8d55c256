"""Write initramfs archives: cpio in the `newc` format, the same bytes for the same entries."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ALIGNMENT = 4
TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file, folder (no content), link (content: its target) or device, by `mode`'s type bits."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def make_file(path: str, content: bytes, executable: bool = False) -> Entry:
    """Return the entry of a plain file."""
    return Entry(path, stat.S_IFREG | (0o755 if executable else 0o644), content)


def make_directory(path: str) -> Entry:
    """Return the entry of a folder."""
    return Entry(path, stat.S_IFDIR | 0o755)


def make_link(path: str, target: str) -> Entry:
    """Return the entry of a symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def list_folders(files: Mapping[str, object]) -> list[str]:
    """Return every folder that the paths need."""
    folders: set[str] = set()
    for path in files:
        folders.update(str(parent) for parent in Path(path).parents if str(parent) != ".")
    return sorted(folders)


def pad(data: bytes) -> bytes:
    """Return `data` filled up with zeros to the alignment."""
    return data + bytes(-len(data) % ALIGNMENT)


def write_entry(number: int, entry: Entry) -> bytes:
    """Return one entry's header, name and content."""
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return pad(header + name) + pad(entry.content)


def write_archive(entries: Iterable[Entry]) -> bytes:
    """Return the archive of `entries`, in the order of their paths, so that folders come before what is in them."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    body = b"".join(write_entry(number, entry) for number, entry in enumerate(ordered, 1))
    return body + write_entry(0, Entry(TRAILER, 0))
