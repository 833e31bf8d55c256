"""The parser of Luvalley's command line on the host, compared with an oracle in Python on random and mutated lines."""

from __future__ import annotations

import ctypes
import random
import re
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lib.abi import ABI
from tests.lib.support import ROOT, TESTS

START = ROOT / "runtime" / "boot" / "multiboot"
LINES = 200_000
LINE_SIZE = 4096
ACCEPTED, STOPPED, FAULTED = range(3)
UNITS = {b"K": 1 << 10, b"M": 1 << 20, b"G": 1 << 30}
SUPERPAGE = 2 << 20
ERROR = "luvalley: error[command-line]: "
KNOWN = f"\nluvalley: known are {', '.join(one.syntax for one in ABI.options.values())}\n"
FLAGS = {one.syntax.encode() for one in ABI.options.values() if one.kind == "flag"}
DISK = ERROR + "disk=hdN[,P] wants N of 0 to 9 and P of 1 to 4\n"
POOL = ERROR + "pool=SIZE[,SIZE] wants up to 8 sizes like 512M, 2G or 4096K, each a multiple of 2 MiB\n"
LONG = ERROR + "longer than 4095 characters\n"


@dataclass
class Options:
    """The result of a line: the values, or the text of the error."""

    drive: int = 0x80
    partition: int = 0
    watch: bool = False
    serial: bool = False
    pools: list[int] = field(default_factory=list)
    stopped: str = ""


# ---- the code


def build(folder: Path, changed: Path | None = None) -> ctypes.CDLL:
    """Return the library, with one of its modules replaced."""
    modules = [START / "options.32.c", START / "line.32.c"]
    sources = [changed if changed and one.name == changed.name else one for one in modules]
    flags = ["-shared", "-fPIC", "-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-Wall",
             "-Wextra", "-include", TESTS / "host" / "start32_host.h", f"-I{ROOT}", f"-I{ROOT}/runtime"]
    command = ["gcc", *flags, "-o", folder / "options.so", TESTS / "host" / "options_host.c", *sources]
    subprocess.run(list(map(str, command)), check=True)
    return ctypes.CDLL(str(folder / "options.so"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("options"))


def read_printed(library: ctypes.CDLL) -> bytes:
    text = ctypes.create_string_buffer(16384)
    size = library.host_printed(text)
    return text.raw[:size]


def parse(library: ctypes.CDLL, line: bytes) -> Options:
    """Parse a line by the code."""
    raw = ctypes.create_string_buffer(40)
    end = library.host_parse(line, len(line), raw)
    if end == FAULTED:
        return Options(stopped="a fault")
    if end == STOPPED:
        return Options(stopped=read_printed(library).decode("latin-1"))
    drive, partition, watch, serial, count, *pools = struct.unpack("<4B9I", raw.raw)
    return Options(drive, partition, bool(watch), bool(serial), pools[:count])


# ---- the oracle


def expect(line: bytes) -> Options:
    """Return the expected result of a line."""
    text, nul, _ = line[:LINE_SIZE].partition(b"\0")
    if not nul:
        return Options(stopped=LONG)
    options, text = Options(), text.lstrip(b" ")
    if text.startswith((b"/", b"(")):
        text = re.sub(rb"^[^\x00-\x20]*", b"", text)
    while text := text.lstrip(b" "):
        word, text = split_word(text)
        error = expect_word(word, options)
        if error:
            return Options(stopped=error)
    return options


def split_word(text: bytes) -> tuple[bytes, bytes]:
    """Return the words: each ends before a space or a control character."""
    end = next((index for index, byte in enumerate(text) if byte <= 0x20), len(text))
    return text[:end], text[end:]


def expect_word(word: bytes, options: Options) -> str:
    """Store the option's value in `options`, or return the error."""
    if word == b"apic=watch":
        options.watch = True
    elif word == b"log=serial":
        options.serial = True
    elif word.startswith(b"disk=hd"):
        return expect_disk(word[7:], options)
    elif word.startswith(b"pool="):
        return expect_pools(word[5:].split(b","), options)
    elif word not in FLAGS:
        return f"{ERROR}unknown option {word.decode('latin-1')}{KNOWN}"
    return ""


def expect_disk(value: bytes, options: Options) -> str:
    """Parse disk=; one without a partition keeps the partition of an earlier one."""
    found = re.fullmatch(rb"([0-9])(,([1-4]))?", value)
    if not found:
        return DISK
    options.drive = 0x80 + int(found[1])
    options.partition = int(found[3]) if found[3] else options.partition
    return ""


def expect_pools(sizes: list[bytes], options: Options) -> str:
    """Parse pool=; the sizes of several such options add up."""
    for size in sizes:
        number = size[:-1]
        if not re.fullmatch(rb"[0-9]*[KMG]", size) or len(number.lstrip(b"0")) > 10:
            return POOL
        value = int(number or b"0")
        count, rest = divmod(value * UNITS[size[-1:]], SUPERPAGE)
        if rest or not 0 < count < 1 << 32 or value >= 1 << 32:
            return POOL
        options.pools.append(count)
    return POOL if len(options.pools) > 8 else ""


# ---- random lines


GOOD = (b"disk=hd0", b"disk=hd9", b"disk=hd1,1", b"disk=hd3,4", b"apic=watch", b"log=serial", b"pool=2M",
        b"pool=2048K", b"pool=1G,4M", b"pool=8388607G", b"pool=4294967294M", b"pool=4294966272K", b"pool=0002M",
        b"/boot/luvalley.elf", b"(hd0)/x")
BAD = (b"disk=hd", b"disk=", b"disk=hdx", b"disk=hd0,", b"disk=hd0,0", b"disk=hd0,5", b"disk=hd10", b"disk=hd1,1,1",
       b"pool=", b"pool=,", b"pool=4294967295G", b"pool=2M,", b"pool=3M", b"pool=M", b"pool=0G", b"pool=8388608G",
       b"pool=4294967296M", b"pool=4294967297M", b"pool=42949672950M", b"pool=1024K", b"pool=2m", b"apic=watc",
       b"apic=watchx", b"log=serial,", b"LOG=serial", b"x", b"pool=99999999999999999999999999999999G",
       b"pool=4294967296K", b"pool=18446744073709551618M")
SEPARATORS = (b" ", b" ", b" ", b"  ", b"\t", b"\n", b"\x1f", b"!", b"")


def draw_word(source: random.Random) -> bytes:
    kind = source.random()
    if kind < 0.75:
        return source.choice(GOOD)
    if kind < 0.85:
        return source.choice(BAD)
    if kind < 0.95:
        unit, numbers = source.choice(b"KMGkT "), [source.getrandbits(source.randrange(1, 40)) * 2 for _ in range(9)]
        return b"pool=" + b",".join(b"%d%c" % (number, unit) for number in numbers[:source.randrange(1, 10)])
    return bytes(source.randrange(1, 256) for _ in range(source.randrange(12)))


def mutate(source: random.Random, line: bytearray) -> None:
    """Replace, insert, delete or repeat a byte or a piece; any byte value may occur, NUL too."""
    at = source.randrange(len(line) + 1)
    length = source.choice((0, 0, 1, 1, 2, 3))
    line[at:at + length] = source.choice((
        b"", bytes([source.randrange(256)]), bytes([source.choice(b"0123456789,KMG= ")]),
        line[at:at + source.randrange(1, 12)],
    ))


def draw_line(seed: int) -> bytes:
    source = random.Random(seed)
    words = [draw_word(source) for _ in range(min(source.randrange(1, 7), source.randrange(1, 7)))]
    separator = b" " if source.random() < 0.8 else source.choice(SEPARATORS)
    line = bytearray(separator.join(words))
    for _ in range(source.choice((0, 0, 0, 1, 1, 2, 5))):
        mutate(source, line)
    if source.random() < 0.01:
        line += bytes([source.choice(b" 0x,")]) * source.randrange(LINE_SIZE - 100, LINE_SIZE + 100)
    return bytes(line) + (b"" if source.random() < 0.02 else b"\0" + bytes(source.randrange(3)))


def compare(library: ctypes.CDLL, lines: range, seen: Counter[str]) -> list[str]:
    """Return the lines on which the code and the oracle differ; `seen` counts the oracle's results."""
    found = []
    for seed in lines:
        line = draw_line(seed)
        wanted = expect(line)
        seen[wanted.stopped.split(" option ")[0].split(" wants ")[0] or "accepted"] += 1
        if (said := parse(library, line)) != wanted:
            found.append(f"seed {seed}: {line!r} gives {said}, not {wanted}")
    return found


def test_random_lines(library: ctypes.CDLL) -> None:
    seen: Counter[str] = Counter()
    assert compare(library, range(LINES), seen) == []
    assert len(seen) == 5 and min(seen.values()) > LINES // 100, seen


@pytest.mark.parametrize("size", [0, 1, 4094, 4095, 4096, 5000, 8000])
def test_long_lines(library: ctypes.CDLL, size: int) -> None:
    """Long lines of spaces, a word or a number, with and without a NUL: the parser does not read beyond the line."""
    for fill in (b" ", b"x", b"/", b"9", b"\xff"):
        for prefix in (b"", b"pool=", b"disk=hd1 "):
            line = (prefix + fill * size)[:size]
            for whole in (line, line + b"\0"):
                assert parse(library, whole) == expect(whole), (size, fill, prefix)


def test_every_byte(library: ctypes.CDLL) -> None:
    """Put every byte value at each place of each valid word."""
    for word in GOOD:
        for at in range(len(word) + 1):
            for byte in range(256):
                line = word[:at] + bytes([byte]) + word[at + 1:] + b"\0"
                assert parse(library, line) == expect(line), line


FAULTS = {
    "signed characters": ("return (u8)c <= ' ';", "return (signed char)c <= ' ';"),
    "a tab separates words": ("while (*at == ' ')", "while (*at == ' ' || *at == '\\t')"),
    "a flag followed by other characters": ("option_table[i].kind != OPTION_FLAG || ends_word(*value)", "true"),
    "a value followed by other characters": ("if (!end || !ends_word(*end))", "if (!end)"),
    "partition 5": ("*at > '4'", "*at > '5'"),
    "partition 0": ("*++at < '1'", "*++at < '0'"),
    "a product overflows": ("__builtin_mul_overflow(*value, 10u, value)", "(*value *= 10, false)"),
    "sums overflow": ("__builtin_add_overflow(*value, (u32)(*at - '0'), value)", "(*value += (u32)(*at - '0'), false)"),
    "a size overflows": ("u64 bytes = (u64)number << shift", "u64 bytes = number << shift"),
    "superpages overflow": (" || count > UINT32_MAX", ""),
    "a size that is no multiple of 2 MiB": (" || bytes % PAGE_2M", ""),
    "nothing": ("!bytes || ", ""),
    "a number without unit is KiB": ("default: return 0;", "default: return 10;"),
    "nine sizes": ("sizes->count == limit", "sizes->count == limit + 1"),
    "seven sizes": ("sizes->count == limit", "sizes->count == limit - 1"),
    "a line that is too long is accepted": ("    check_end(line, size);\n", "    (void)size; (void)check_end;\n"),
    "the line is read beyond its memory": ("i < size && i < LINE_SIZE", "i < LINE_SIZE"),
    "the line is read beyond 4096 bytes": ("i < size && i < LINE_SIZE", "i < size"),
    "the name of the file is not skipped": ("*at == '/' || *at == '('", "*at == '/'"),
    "disk numbers start at 0x81": ("(FIRST_DISK + (", "(FIRST_DISK + 1 + ("),
    "an unknown option is printed in part": ("for (; !ends_word(*word); word++)", "for (; *word > ' '; word++)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    text = (START / "options.32.c").read_text()
    good, bad = FAULTS[fault]
    assert good in text
    (tmp_path / "options.32.c").write_text(text.replace(good, bad))
    library = build(tmp_path, tmp_path / "options.32.c")
    assert any(compare(library, range(at, at + 500), Counter()) for at in range(0, LINES, 500))


# ---- where the line is


ADDRESS = 0x10000
SIZES = (0, 7, 8, 9, 64, 0x7FFFFFFF, 0xFFFFFFF9, 0xFFFFFFFF)
MB1, MB2 = 0x2BADB002, 0x36D76289


def draw_information(source: random.Random) -> bytes:
    """Draw Multiboot 2 tags, some truncated, with a bad size, or without an end tag."""
    tags = b""
    for _ in range(source.randrange(6)):
        kind, body = source.choice((1, 2, 3, 4, 6, 9)), source.randbytes(source.randrange(30))
        size = 8 + len(body) if source.random() < 0.85 else source.choice(SIZES)
        tags += struct.pack("<2I", kind, size) + body + bytes(-len(body) % 8)
    tags += struct.pack("<2I", 0, 8) if source.random() < 0.7 else b""
    size = 8 + len(tags) if source.random() < 0.8 else source.randrange(8, 12 + len(tags))
    return struct.pack("<2I", size, 0) + tags + bytes(8)


def expect_line(information: bytes) -> tuple[int, int]:
    """Return offset and size of the first command line; (0, 0) after a tag with a bad size."""
    end, at = struct.unpack_from("<I", information)[0], 8
    while at + 8 <= end:
        kind, size = struct.unpack_from("<2I", information, at)
        if kind == 0 or size < 8 or at + size > end:
            return 0, 0
        if kind == 1:
            return at + 8, size - 8
        at += (size + 7) // 8 * 8
    return 0, 0


def find_line(library: ctypes.CDLL, magic: int, information: bytes) -> tuple[int, int] | None:
    found = (ctypes.c_uint32 * 2)()
    error = library.host_find(ctypes.c_uint32(magic), ADDRESS, information, len(information), found)
    return None if error else (found[0], found[1])


def test_multiboot_2_information(library: ctypes.CDLL) -> None:
    for seed in range(20_000):
        information = draw_information(random.Random(seed))
        assert find_line(library, MB2, information) == expect_line(information), f"seed {seed}: {information.hex()}"


def test_multiboot_1_information(library: ctypes.CDLL) -> None:
    for flags, wanted in ((0, (0, 0)), (1 << 2, (40, LINE_SIZE)), (0xFFFF, (40, LINE_SIZE)), (0xFFFB, (0, 0))):
        information = struct.pack("<5I", flags, 0, 0, 0, ADDRESS + 40) + bytes(60)
        assert find_line(library, MB1, information) == wanted


@pytest.mark.parametrize("magic", [0, MB1 + 1, 0x1BADB002, 0xE85250D6, 0xFFFFFFFF])
def test_unknown_loader(library: ctypes.CDLL, magic: int) -> None:
    assert find_line(library, magic, bytes(64)) is None
    assert read_printed(library) == b"luvalley: error[loader]: not started by a Multiboot loader\n"
