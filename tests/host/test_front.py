"""Parsing of Multiboot information and of ACPI tables, on the host, with random loaders and firmware."""

from __future__ import annotations

import ctypes
import random
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lib.support import ROOT, TESTS

MB1, MB2 = 0x2BADB002, 0x36D76289
INFO, MODULES, MAP, LINES = 0x10000, 0x11000, 0x12000, 0x20000
RSDT, XSDT, TABLES = 0x100000, 0x110000, 0x200000
EBDA, EBDA_WORD, MEMORY_WORD = 0x9FC00, 0x40E, 0x413
OWN_ID, CPUS_MAX, RANGES_MAX, LINE_SIZE = 5, 64, 96, 2048
MACHINES = 1500
Range = tuple[int, int, int]
Module = tuple[int, int, bytes]


@dataclass
class Start:
    """What the parsers find."""

    error: str = ""
    rsdp: int = 0
    low_page: int = 0
    linux: bool = False
    cpus: list[int] = field(default_factory=list)
    left_out: int = 0
    ranges: list[Range] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)


def build(folder: Path, changed: Path | None = None) -> ctypes.CDLL:
    """Return the library, with one of its modules replaced."""
    names = ("multiboot/multiboot.c", "start.c", "acpi.c", "bios/find.c")
    modules = [ROOT / "runtime" / "boot" / name for name in names] + [ROOT / "runtime" / "core" / "string.c"]
    sources = [changed if changed and one.name == changed.name else one for one in modules]
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", f"-I{ROOT}", f"-I{ROOT}/runtime"]
    command = ["gcc", *flags, "-o", folder / "front.so", TESTS / "host" / "front_host.c", *sources]
    subprocess.run(list(map(str, command)), check=True)
    made = ctypes.CDLL(str(folder / "front.so"))
    made.host_memory.restype = ctypes.c_void_p
    made.host_cpu.restype = ctypes.c_uint64
    made.host_boot.restype = made.host_module.restype = ctypes.c_char_p
    return made


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("front"))


def run(library: ctypes.CDLL, magic: int, content: dict[int, bytes]) -> Start:
    """Return what the code finds in memory with this content."""
    memory = library.host_memory()
    for address, data in content.items():
        ctypes.memmove(memory + address, data, len(data))
    error = library.host_boot(ctypes.c_uint32(magic), INFO).decode()
    if error:
        return Start(error)
    words = (ctypes.c_uint64 * 8)()
    library.host_numbers(words)
    rsdp, low_page, program, cpus, left_out, ranges, modules, serial = words
    assert serial, "log=serial is an option"
    found = Start("", rsdp, low_page, bool(program), [library.host_cpu(at) for at in range(cpus)], left_out)
    for at in range(ranges):
        library.host_range(at, words)
        found.ranges.append((words[0], words[1], words[2]))
    for at in range(modules):
        line = library.host_module(at, words)
        found.modules.append((words[0], words[1], line))
    return found


# ---- the loader's information


def make_mb1(ranges: list[Range], modules: list[Module], flags: int) -> dict[int, bytes]:
    """Lay out Multiboot 1 information (its section 3.3); entries of the map have 20 or more bytes."""
    content, rows, entries = {}, b"", b""
    for index, (start, end, line) in enumerate(modules):
        content[LINES + index * 4096] = line + b"\0"
        rows += struct.pack("<4I", start, end, LINES + index * 4096 if line else 0, 0)
    for index, one in enumerate(ranges):
        extra = bytes(index % 3 * 4)
        entries += struct.pack("<IQQI", 20 + len(extra), *one) + extra
    info = struct.pack("<13I", flags, 0, 0, 0, 0, len(modules), MODULES, 0, 0, 0, 0, len(entries), MAP)
    return {INFO: info, MODULES: rows, MAP: entries, **content}


def make_mb2(ranges: list[Range], modules: list[Module], source: random.Random) -> dict[int, bytes]:
    """Lay out Multiboot 2 information (its section 3.6): tags in any order, unknown tags, perhaps no end tag."""
    size = source.choice((24, 24, 32))
    entries = b"".join(struct.pack("<QQI", *one) + bytes(size - 20) for one in ranges)
    tags = [(6, struct.pack("<2I", size, 0) + entries)]
    tags += [(3, struct.pack("<2I", start, end) + line + b"\0") for start, end, line in modules]
    tags.insert(source.randrange(len(tags)), (source.choice((2, 4, 9)), source.randbytes(source.randrange(20))))
    data = b"".join(struct.pack("<2I", kind, 8 + len(body)) + body + bytes(-len(body) % 8) for kind, body in tags)
    last, more, broken = ((0, 8), (0, 8, 3, 17, 1, 2, 0, 0), (3, 7))
    end = source.choice(((), last, more, broken))
    data += struct.pack(f"<{len(end)}I", *end)
    return {INFO: struct.pack("<2I", 8 + len(data), 0) + data}


def expect_loader(ranges: list[Range], modules: list[Module], map_first: bool) -> Start:
    """Return the ranges that the code should keep: those with a length, up to the array's size."""
    there = [one for one in ranges if one[1]]
    map_errors = ["memory-map"] * (len(there) > RANGES_MAX)
    errors = ["module-line" if len(line) >= LINE_SIZE else "" for _, _, line in modules[:2]]
    module_errors = [*filter(None, errors), *["module-count"] * (len(modules) > 2)]
    all_errors = [*map_errors, *module_errors] if map_first else [*module_errors, *map_errors]
    return Start("".join(all_errors[:1]), linux=bool(modules), ranges=there, modules=modules)


# ---- firmware


def add_checksum(data: bytes, at: int, length: int) -> bytes:
    """Set the checksum so that the bytes sum to zero."""
    return data[:at] + bytes([-(sum(data[:length]) - data[at]) & 0xFF]) + data[at + 1:]


def make_table(signature: bytes, body: bytes, length: int | None = None) -> bytes:
    return struct.pack("<4sI28x", signature, 36 + len(body) if length is None else length) + body


def draw_entry(source: random.Random) -> tuple[bytes, list[int]]:
    """Draw an entry of the MADT, and the usable CPUs in it."""
    flags = source.choice((0, 1, 1, 1, 2, 3))
    usable, number = bool(flags & 1), source.choice((OWN_ID, source.randrange(256), source.randrange(90)))
    match source.randrange(4):
        case 0:
            return struct.pack("<4BI", 0, 8, 7, number, flags), [number] * usable
        case 1:
            number = source.choice((number, source.getrandbits(32)))
            return struct.pack("<2BHIII", 9, 16, 0, number, flags, 0), [number] * usable
        case 2:
            return struct.pack("<4B", source.choice((0, 9)), 4, 1, 1), []
        case _:
            size = source.randrange(2, 30)
            return bytes([source.choice((1, 2, 4, 12, 255)), size]) + source.randbytes(size - 2), []


def draw_madt(source: random.Random) -> tuple[bytes, list[int]]:
    """Draw a MADT and its CPUs; an entry without length or beyond the end of the table ends the list."""
    cpus: list[int] = []
    body = b"\0" * 8
    for _ in range(source.choice((0, 1, 4, 20, 300))):
        if source.random() < 0.01:
            body += bytes([0, source.choice((0, 1))]) + struct.pack("<4BI", 0, 8, 7, 77, 1)
            return make_table(b"APIC", body), cpus
        entry, found = draw_entry(source)
        body, cpus = body + entry, cpus + found
    if source.random() < 0.2:
        body += struct.pack("<4BI", 0, 8, 7, 99, 1)[:source.randrange(1, 8)]
    return make_table(b"APIC", body), cpus


def draw_firmware(source: random.Random) -> tuple[dict[int, bytes], int, list[int]]:
    """Draw memory, the address of the root pointer (0: no valid one), and the CPUs."""
    ebda = source.random() < 0.5
    content = {EBDA_WORD: struct.pack("<H", EBDA >> 4 if ebda or source.random() < 0.5 else 0)}
    content[MEMORY_WORD] = struct.pack("<H", 639)
    madt, cpus = draw_madt(source)
    revision, xsdt_has, rsdt_has = source.choice((0, 2, 2)), source.random() < 0.7, source.random() < 0.8
    tables = [make_table(b"FACP", bytes(16)), make_table(b"APIC", b"", source.choice((0, 35, 1 << 30))), madt]
    places = [TABLES, TABLES + 0x1000, TABLES + 0x2000]
    content |= dict(zip(places, tables, strict=True))
    here = {True: [0, 0xFFFFFFFF, *places], False: [0xFFFFFFF0, *places[:2]]}
    content[RSDT] = make_table(b"RSDT", struct.pack(f"<{len(here[rsdt_has])}I", *here[rsdt_has]) + b"\1\2\3")
    content[XSDT] = make_table(b"XSDT", struct.pack(f"<{len(here[xsdt_has])}Q", *here[xsdt_has]) + b"\1\2\3")
    if xsdt_has:
        content[XSDT] = make_table(b"XSDT", struct.pack("<3Q", 1 << 40, (1 << 64) - 8, places[2]))
    root = struct.pack("<8sB6sBIIQ4x", b"RSD PTR ", 0, b"luv   ", revision, RSDT, 0, XSDT)[:36]
    root, bad = add_checksum(root, 8, 20), source.random() < 0.15
    at = EBDA + 16 * source.randrange(62) if ebda else 0xE0000 + 16 * source.randrange(8190)
    content[at] = bytes([*root[:9], root[9] ^ bad, *root[10:]])
    if source.random() < 0.3 and at - 64 >= (EBDA if ebda else 0xE0000):
        content[at - 64] = root[:8] + b"x"
    there = (revision >= 2 and xsdt_has) or rsdt_has
    return content, 0 if bad else at, cpus if there and not bad else []


def expect_cpus(cpus: list[int]) -> tuple[list[int], int]:
    """Return the CPUs that the code should find: the boot CPU first, each once, up to the array's size."""
    found, left_out = [OWN_ID], 0
    for one in cpus:
        if one not in found and len(found) < CPUS_MAX:
            found.append(one)
        elif one not in found:
            left_out += 1
    return found, left_out


# ---- random machines


def draw_machine(seed: int) -> tuple[int, dict[int, bytes], Start]:
    source = random.Random(seed)
    ranges = [(source.getrandbits(40), source.getrandbits(34) if source.random() < 0.9 else 0, source.randrange(1, 6))
              for _ in range(source.choice((0, 1, 6, 20, 96, 105)))]
    lengths = source.choices((0, 1, 40, 2047, 2048), (6, 6, 6, 1, 1), k=source.choice((0, 0, 1, 2, 2, 3)))
    modules = [(start := source.getrandbits(31), start + source.getrandbits(20),
                bytes(source.randrange(1, 256) for _ in range(length))) for length in lengths]
    content, rsdp, cpus = draw_firmware(source)
    magic = source.choice((MB1, MB2))
    if magic == MB1:
        flags = source.choice((1 << 3 | 1 << 6, 1 << 3 | 1 << 6, 0xFFFF, 1 << 3, 1 << 6, 0))
        loader = make_mb1(ranges, modules, flags)
        ranges, modules = ranges if flags & 1 << 6 else [], modules if flags & 1 << 3 else []
    else:
        loader = make_mb2(ranges, modules, source)
    wanted = expect_loader(ranges, modules, magic == MB2)
    if wanted.error:
        return magic, content | loader, Start(wanted.error)
    wanted.rsdp, wanted.low_page = rsdp, 0x9E000
    wanted.cpus, wanted.left_out = expect_cpus(cpus)
    return magic, content | loader, wanted


def compare(library: ctypes.CDLL, seed: int) -> str:
    """Describe the differences; empty: none."""
    magic, content, wanted = draw_machine(seed)
    found = run(library, magic, content)
    return "" if found == wanted else f"seed {seed}: {found}, not {wanted}"


def test_random_machines(library: ctypes.CDLL) -> None:
    assert [text for seed in range(MACHINES) if (text := compare(library, seed))] == []
    drawn = [draw_machine(seed)[2] for seed in range(MACHINES)]
    assert {one.error for one in drawn} == {"", "memory-map", "module-line", "module-count"}
    assert any(one.left_out for one in drawn) and sum(len(one.cpus) > 1 for one in drawn) > MACHINES // 4


FAULTS = {
    "ranges without length are kept": ("start.c", "if (!range->length)", "if (0)"),
    "a range too few is kept": ("start.c", "start.range_count == RANGES_MAX", "start.range_count == RANGES_MAX - 1"),
    "only one module is kept": ("start.c", "start.module_count == MODULES_MAX", "start.module_count == 1"),
    "a long line is cut": ("start.c", 'boot_stop("module-line", "the kernel\'s command line is too long")', "return"),
    "a CPU is listed twice": ("start.c", "if (is_known(apic_id))", "if (0)"),
    "a CPU too few is listed": ("start.c", "start.cpu_count < CPUS_MAX", "start.cpu_count < CPUS_MAX - 1"),
    "the modules flag is ignored": ("multiboot.c", "info->flags & MB1_MODULES ?", "true ?"),
    "the memory map flag is ignored": ("multiboot.c", "info->flags & MB1_MAP ?", "true ?"),
    "Multiboot 1: entries of a fixed size": ("multiboot.c", "(u64) * (u32 *)phys(at) + 4", "24"),
    "Multiboot 2: entries of a fixed size": ("multiboot.c", "entry += map->entry_size", "entry += 24"),
    "the end tag is ignored": ("multiboot.c", "tag->type == MB2_END || ", ""),
    "tags are not aligned": ("multiboot.c", "at = mb2_next(at, tag->size);", "at += tag->size;"),
    "modules unused": ("multiboot.c", "start.module_count ? FIRST_LINUX : FIRST_BOOT_RECORD", "FIRST_BOOT_RECORD"),
    "any root pointer": ("acpi.c", "return sums_to_zero(phys(address), RSDP_LENGTH_1);", "return true;"),
    "the XSDT is never used": ("acpi.c", "rsdp->revision >= 2 ?", "0 ?"),
    "the RSDT is never used": ("acpi.c", "return list ? find_listed(list, 4", "return 0 ? find_listed(list, 4"),
    "a table's length is not checked": ("acpi.c", "table->length >= sizeof(*table) &&", ""),
    "the enabled flag is ignored": ("acpi.c", "entry->apic.flags & MADT_ENABLED", "true"),
    "an entry's length is not checked": ("acpi.c", "entry->length >= sizeof(entry->x2apic)", "true"),
    "an entry beyond the end of its table": ("acpi.c", " || at + entry->length > end", ""),
    "the EBDA is not searched": ("find.c", "ebda ? search", "0 ? search"),
    "only the EBDA is searched": ("find.c", "rsdp ? rsdp : search(BIOS_START, BIOS_END)", "rsdp"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    name, good, bad = FAULTS[fault]
    text = next(path for path in (ROOT / "runtime" / "boot").rglob(name)).read_text()
    assert good in text
    (tmp_path / name).write_text(text.replace(good, bad))
    library = build(tmp_path, tmp_path / name)
    assert any(compare(library, seed) for seed in range(MACHINES))
