"""The initramfs archive (machine/cpio.py), read back by an independent reader."""

import stat

from machine.cpio import Entry, make_directory, make_file, make_link, write_archive


def read_archive(data: bytes) -> list[tuple[str, int, bytes]]:
    entries: list[tuple[str, int, bytes]] = []
    place = 0
    while True:
        assert data[place:place + 6] == b"070701"
        fields = [int(data[place + 6 + 8 * index:place + 14 + 8 * index], 16) for index in range(13)]
        name_end = place + 110 + fields[11]
        name = data[place + 110:name_end - 1].decode()
        start = -(-name_end // 4) * 4
        if name == "TRAILER!!!":
            return entries
        entries.append((name, fields[1], data[start:start + fields[6]]))
        place = -(-(start + fields[6]) // 4) * 4


def test_archive_has_all_entries() -> None:
    archive = write_archive([make_file("a/b", b"12345", executable=True), make_directory("a"), make_link("c", "a/b")])
    assert read_archive(archive) == [
        ("a", stat.S_IFDIR | 0o755, b""),
        ("a/b", stat.S_IFREG | 0o755, b"12345"),
        ("c", stat.S_IFLNK | 0o777, b"a/b"),
    ]


def test_archive_does_not_depend_on_the_order() -> None:
    entries = [make_directory("x"), make_file("x/1", b"1"), Entry("x/tty", stat.S_IFCHR | 0o600, device=(5, 1))]
    assert write_archive(entries) == write_archive(reversed(entries))
