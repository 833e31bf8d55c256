"""MSR and I/O bitmaps from the policies. A set bit causes a VM exit. SDM: 25.6.4, 25.6.9"""

from __future__ import annotations

from collections.abc import Iterable

from codegen.emit.files import Output, header_comment, render
from codegen.model.choices import Action, Domain, MsrRule

QUADRANTS = (("read", 0x0, 0), ("read", 0xC0000000, 1024), ("write", 0x0, 2048), ("write", 0xC0000000, 3072))
SPAN = 0x2000
ROW = 16


def make_bitmaps(domain: Domain) -> Output:
    """Generate the domain's bitmaps, each row with what it means."""
    what = f"Bitmaps of {domain.name}: a set bit leaves the guest. SDM: 25.6.4, 25.6.9."
    first = header_comment(f"spec/{domain.name}.luv", what)
    msr = rows(make_msr_bitmap(domain), lambda offset: describe_msr(offset, domain))
    ports = make_io_bitmap(domain) if has_io_bitmap(domain) else b""
    io = rows(ports, lambda offset: describe_io(offset, domain))
    text = render("bitmaps.c.j2", first=first, name=domain.name, msr=msr, io=io, ports=bool(ports))
    return Output(f"vmx/{domain.name}_bitmaps.c", text)


def has_io_bitmap(domain: Domain) -> bool:
    """Return whether the domain has an I/O bitmap: one that forwards every port has a control for all of them."""
    return domain.io.default_read.kind != "forward"


def make_msr_bitmap(domain: Domain) -> bytes:
    """Return 4 KiB: reads of low and high MSRs, then writes; what no rule names follows the default."""
    policy = {"read": (domain.msr.read, domain.msr.default_read), "write": (domain.msr.write, domain.msr.default_write)}
    return b"".join(make_quadrant(base, *policy[direction]) for direction, base, _ in QUADRANTS)


def make_quadrant(base: int, rules: tuple[MsrRule, ...], default: Action) -> bytes:
    """Return one kilobyte: a direction and half of the numbers."""
    bits = bytearray((0 if default.kind == "pass" else 0xFF,) * (SPAN // 8))
    for rule in rules:
        for number in range(max(rule.first, base), min(rule.last, base + SPAN - 1) + 1):
            set_bit(bits, number - base, rule.action.kind != "pass")
    return bytes(bits)


def set_bit(bits: bytearray, index: int, value: bool) -> None:
    """Set or clear one bit."""
    mask = 1 << index % 8
    bits[index // 8] = bits[index // 8] | mask if value else bits[index // 8] & ~mask


def make_io_bitmap(domain: Domain) -> bytes:
    """Return 8 KiB for ports 0 to 0xFFFF; one bit serves both directions."""
    policy = domain.io
    default = policy.default_read.kind != "pass" or policy.default_write.kind != "pass"
    bits = bytearray((0xFF if default else 0,) * 8192)
    for rule in policy.rules:
        for port in range(rule.port.first, rule.port.last + 1):
            set_bit(bits, port, rule.read.kind != "pass" or rule.write.kind != "pass")
    return bytes(bits)


def rows(data: bytes, describe: object) -> list[tuple[int, str, str]]:
    """Return rows as (offset, bytes, meaning); equal rows of all zeros or all ones become one."""
    assert callable(describe)
    made: list[tuple[int, int, bytes]] = []
    for offset in range(0, len(data), ROW):
        row = data[offset : offset + ROW]
        if made and made[-1][2] == row and uniform(row) and same_quadrant(made[-1][0], offset):
            made[-1] = (made[-1][0], offset + ROW - 1, row)
        else:
            made.append((offset, offset + ROW - 1, row))
    return [format_row(first, last, row, describe) for first, last, row in made if any(row)]


def uniform(row: bytes) -> bool:
    """Return whether all bytes are the same."""
    return len(set(row)) == 1


def same_quadrant(a: int, b: int) -> bool:
    """Return whether two offsets mean the same direction and half."""
    return a // 1024 == b // 1024


def format_row(first: int, last: int, row: bytes, describe: object) -> tuple[int, str, str]:
    """Return offset, initializer and meaning."""
    assert callable(describe)
    if uniform(row):
        return (first, f"[{first} ... {last}] = {row[0]:#04x},", describe(first))
    return (first, f"[{first}] = " + ", ".join(f"{byte:#04x}" for byte in row) + ",", describe(first))


def describe_msr(offset: int, domain: Domain) -> str:
    """Describe which MSRs a row covers, and which of them pass."""
    direction, base, start = next(one for one in reversed(QUADRANTS) if one[2] <= offset)
    number = base + (offset - start) * 8
    rules = domain.msr.read if direction == "read" else domain.msr.write
    names = passed_names(rules, number, number + ROW * 8 - 1)
    return f"{direction} {number:#x}..{number + ROW * 8 - 1:#x}" + (f", passes {names}" if names else "")


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
