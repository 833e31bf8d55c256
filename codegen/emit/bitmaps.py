"""MSR and I/O bitmaps from the policies. A set bit causes a VM exit. SDM: 25.6.4, 25.6.9"""

from __future__ import annotations

from collections.abc import Iterable

from codegen.emit.files import Output, header_comment, render
from codegen.model.choices import Action, Domain, Model, MsrRule
from codegen.model.facts import Bitmap, BitmapRange

ROW = 16


def make_bitmaps(model: Model, domain: Domain) -> Output:
    """Generate the domain's bitmaps, each row with what it means."""
    what = f"Bitmaps of {domain.name}: a set bit causes an exit.{say_sections(domain)}"
    first = header_comment(f"spec/{domain.name}.luv", what)
    msr = rows(make_msr_bitmap(domain), domain.bitmaps["msr"], lambda offset: describe_msr(offset, domain))
    ports = make_io_bitmap(domain) if has_io_bitmap(domain) else b""
    io = rows(ports, domain.bitmaps["io"], lambda offset: describe_io(offset, domain))
    sizes = {name: one.size for name, one in domain.bitmaps.items()}
    view = {"ports": domain.bitmaps["io"].doc.summary if ports else "", "sizes": sizes,
            "ranges": say_ranges(domain.bitmaps["msr"]), "processor": model.facts.processor}
    text = render("bitmaps.c.j2", first=first, name=domain.name, msr=msr, io=io, **view)
    return Output(f"{model.facts.processor}/{domain.name}_bitmaps.c", text)


def say_sections(domain: Domain) -> str:
    """Return the sections of the manual that describe the bitmaps."""
    sections = sorted({section for one in domain.bitmaps.values() for section in one.doc.sections})
    manual = sections[0].rpartition(" ")[0] if sections else ""
    return f" {manual or 'SDM'}: {', '.join(one.removeprefix(manual).strip() for one in sections)}." if sections else ""


def say_ranges(bitmap: Bitmap) -> str:
    """Return what the ranges are for, in order."""
    return ", ".join(f"{one.direction}s of {one.first:#x} to {one.last:#x}" for one in bitmap.ranges)


def has_io_bitmap(domain: Domain) -> bool:
    """Return whether the domain has an I/O bitmap: one that forwards every port may have a control for all of them."""
    return domain.io.default_read.kind != "forward" or not domain.bitmaps["io"].otherwise


def make_msr_bitmap(domain: Domain) -> bytes:
    """Return the bytes of the MSR bitmap; what no rule names follows the default."""
    policy = {"read": (domain.msr.read, domain.msr.default_read), "write": (domain.msr.write, domain.msr.default_write)}
    bitmap = domain.bitmaps["msr"]
    data = bytearray(bitmap.size)
    for one in bitmap.ranges:
        fill_range(data, one, *policy[one.direction])
    return bytes(data)


def fill_range(data: bytearray, place: BitmapRange, rules: tuple[MsrRule, ...], default: Action) -> None:
    """Set the bits of one range of MSRs."""
    if default.kind != "pass":
        pattern = sum(1 << bit for bit in range(place.start, 8, place.stride))
        for byte in range(place.offset, place.offset + place.size):
            data[byte] |= pattern
    for rule in rules:
        for number in range(max(rule.first, place.first), min(rule.last, place.last) + 1):
            set_bit(data, place.find(number), rule.action.kind != "pass")


def set_bit(bits: bytearray, index: int, value: bool) -> None:
    """Set or clear one bit."""
    mask = 1 << index % 8
    bits[index // 8] = bits[index // 8] | mask if value else bits[index // 8] & ~mask


def make_io_bitmap(domain: Domain) -> bytes:
    """Return the bytes of the I/O bitmaps; one bit serves both directions."""
    policy, bitmap = domain.io, domain.bitmaps["io"]
    default = policy.default_read.kind != "pass" or policy.default_write.kind != "pass"
    bits = bytearray((0xFF if default else 0,) * bitmap.size)
    for rule in policy.rules:
        for port in range(rule.port.first, rule.port.last + 1):
            place = bitmap.find("access", port)
            if place is not None:
                set_bit(bits, place, rule.read.kind != "pass" or rule.write.kind != "pass")
    return bytes(bits)


def rows(data: bytes, bitmap: Bitmap, describe: object) -> list[tuple[int, str, str]]:
    """Return rows as (offset, bytes, meaning); equal rows of all zeros or all ones become one."""
    assert callable(describe)
    made: list[tuple[int, int, bytes]] = []
    for offset in range(0, len(data), ROW):
        row = data[offset : offset + ROW]
        if made and made[-1][2] == row and uniform(row) and bitmap.ranges_at(made[-1][0]) == bitmap.ranges_at(offset):
            made[-1] = (made[-1][0], offset + ROW - 1, row)
        else:
            made.append((offset, offset + ROW - 1, row))
    return [format_row(first, last, row, describe) for first, last, row in made if any(row)]


def uniform(row: bytes) -> bool:
    """Return whether all bytes are the same."""
    return len(set(row)) == 1


def format_row(first: int, last: int, row: bytes, describe: object) -> tuple[int, str, str]:
    """Return offset, initializer and meaning."""
    assert callable(describe)
    if uniform(row):
        return (first, f"[{first} ... {last}] = {row[0]:#04x},", describe(first))
    return (first, f"[{first}] = " + ", ".join(f"{byte:#04x}" for byte in row) + ",", describe(first))


def describe_msr(offset: int, domain: Domain) -> str:
    """Describe which MSRs a row covers, and which of them pass, in each direction."""
    return "; ".join(describe_range(offset, one, domain) for one in domain.bitmaps["msr"].ranges_at(offset))


def describe_range(offset: int, place: BitmapRange, domain: Domain) -> str:
    """Describe which MSRs of one range a row covers, and which of them pass."""
    first = place.first + (offset - place.offset) * 8 // place.stride
    last = first + ROW * 8 // place.stride - 1
    names = passed_names(domain.msr.read if place.direction == "read" else domain.msr.write, first, last)
    return f"{place.direction} {first:#x}..{last:#x}" + (f", passes {names}" if names else "")


def passed_names(rules: Iterable[MsrRule], first: int, last: int) -> str:
    """Return the first few MSRs that pass, by name."""
    names = [rule.name for rule in rules if rule.action.kind == "pass" and rule.first <= last and first <= rule.last]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def describe_io(offset: int, domain: Domain) -> str:
    """Describe which ports a row covers, and which of them cause VM exits."""
    first, last = offset * 8, (offset + ROW) * 8 - 1
    names = [rule.port.name for rule in domain.io.rules if rule.port.first <= last and first <= rule.port.last]
    return f"ports {first:#x}..{last:#x}" + (f", traps {', '.join(names)}" if names else "")
