"""Text output of the 32-bit start (text.32.c) on the host; and only the Multiboot code knows the loader."""

from __future__ import annotations

import ctypes
import random
import re
import struct
import subprocess
from pathlib import Path

import pytest

from tests.lib.support import ROOT, TESTS

START = ROOT / "runtime" / "boot" / "multiboot"
COLUMNS, ROWS = 80, 25
SCREEN, CURSOR = 0xB8000, 0x450
GREY = 0x0700
COM1 = 0x3F8
SETUP = [(COM1 + 3, 0x83), (COM1, 1), (COM1 + 1, 0), (COM1 + 3, 3)]
WAIT = 0xFFFF


def build(folder: Path, text: str = "") -> ctypes.CDLL:
    """Return the library, with another text.32.c."""
    source = folder / "text.32.c"
    source.write_text(text or (START / "text.32.c").read_text())
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-include", TESTS / "host" / "start32_host.h"]
    command = ["gcc", *flags, f"-I{ROOT}", f"-I{ROOT}/runtime", "-o", folder / "text.so",
               TESTS / "host" / "text_host.c", source]
    subprocess.run(list(map(str, command)), check=True)
    return ctypes.CDLL(str(folder / "text.so"))


class Machine:
    """The library's memory and COM1."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.memory = (ctypes.c_uint8 * 0xC0000).in_dll(library, "host_memory")
        self.counts = {name: ctypes.c_uint32.in_dll(library, f"host_{name}") for name in ("reads", "written", "busy")}

    @property
    def cells(self) -> list[int]:
        return list(struct.unpack_from(f"<{COLUMNS * ROWS}H", self.memory, SCREEN))

    @property
    def cursor(self) -> tuple[int, int]:
        return self.memory[CURSOR], self.memory[CURSOR + 1]

    def writes(self) -> list[tuple[int, int]]:
        """Return all writes to ports."""
        ports = (ctypes.c_uint16 * 65536).in_dll(self.library, "host_ports")
        values = (ctypes.c_uint8 * 65536).in_dll(self.library, "host_values")
        count = self.counts["written"].value
        return list(zip(ports[:count], values[:count], strict=True))


def show(lines: list[list[int]], column: int, row: int, text: bytes) -> tuple[int, int]:
    """The expected screen: a list of lines that scrolls."""
    for byte in text:
        if byte != 10:
            lines[row][column] = GREY | byte
            column += 1
        if byte == 10 or column == COLUMNS:
            column, row = 0, row + 1
        if row == ROWS:
            lines[:] = [*lines[1:], [GREY | 0x20] * COLUMNS]
            row -= 1
    return column, row


def find_difference(library: ctypes.CDLL, seed: int) -> str:
    """Print some texts from a random cursor; one that is outside the screen is moved to its edge."""
    source, machine = random.Random(seed), Machine(library)
    before = machine.cells
    lines = [before[at:at + COLUMNS] for at in range(0, COLUMNS * ROWS, COLUMNS)]
    machine.memory[CURSOR], machine.memory[CURSOR + 1] = column, row = source.choice((
        (0, 0), (79, 24), (80, 24), (0, 25), (255, 255), (source.randrange(80), source.randrange(25))))
    machine.counts["written"].value = 0
    place, sent = (min(column, COLUMNS - 1), min(row, ROWS - 1)), b""
    for size in (1, *source.choices((0, 1, 79, 80, 81, 500), k=source.randrange(5))):
        text = bytes(source.choice((10, *range(1, 256))) for _ in range(size))
        library.text_put(text)
        place, sent = show(lines, *place, text), sent + text.replace(b"\n", b"\r\n")
    if machine.cells != [cell for line in lines for cell in line] or machine.cursor != place:
        return f"seed {seed}: another screen"
    wrote = machine.writes()
    wanted = [(COM1, byte) for byte in sent]
    return "" if wrote in (wanted, [*SETUP, *wanted]) else f"seed {seed}: something else went to COM1"


@pytest.fixture
def library(tmp_path: Path) -> ctypes.CDLL:
    return build(tmp_path)


def test_random_texts(library: ctypes.CDLL) -> None:
    assert [text for seed in range(200) if (text := find_difference(library, seed))] == []


@pytest.mark.parametrize(("busy", "reads"), [(0, 1), (1, 2), (1000, 1001), (1 << 31, WAIT)])
def test_waits_for_com1_end(library: ctypes.CDLL, busy: int, reads: int) -> None:
    """Writing to COM1 waits while its status is busy, up to a bound."""
    machine = Machine(library)
    machine.counts["busy"].value = busy
    library.text_put(b"ab")
    assert machine.counts["reads"].value == 2 * reads
    assert machine.writes() == [*SETUP, (COM1, ord("a")), (COM1, ord("b"))]


FAULTS = {
    "no line feed": ("serial_char('\\r');", ";"),
    "lines have a column too many": ("column == COLUMNS", "column > COLUMNS"),
    "the screen has a row too many": ("if (row == ROWS)", "if (row > ROWS)"),
    "the last line is not cleared": ("screen[i] = ATTRIBUTE | ' ';", ";"),
    "the cursor is not limited to the screen": ("min(cursor[1], ROWS - 1)", "min(cursor[1], 255)"),
    "the cursor is not stored": ("cursor[0] = (u8)column;", ""),
    "signed characters": ("ATTRIBUTE | (u8)c", "ATTRIBUTE | (u16)c"),
    "COM1 has another speed": ("host_out8(PORT_COM1, 1);", "host_out8(PORT_COM1, 12);"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    text = (START / "text.32.c").read_text()
    good, bad = FAULTS[fault]
    assert good in text
    library = build(tmp_path, text.replace(good, bad))
    assert any(find_difference(library, seed) for seed in range(200))


# ---- who knows the loader


def test_only_its_own_code_knows_multiboot() -> None:
    """All later code reads struct start, which another loader's code can fill."""
    included = re.compile(r"[\"<%]boot/multiboot/|multiboot\.h", re.MULTILINE)
    sources = [path for path in (ROOT / "runtime").rglob("*") if path.suffix in (".c", ".h", ".asm", ".inc")]
    assert any(included.search(path.read_text()) for path in sources if START in path.parents)
    assert [path for path in sources if START not in path.parents and included.search(path.read_text())] == []
