"""The page of a domain's MSR and I/O bitmaps."""

from __future__ import annotations

from codegen.book.access import KINDS, action_for, colour, rules_of, say_numbers, words_of
from codegen.book.close_view import Item, draw_close
from codegen.book.markup import badge, code, details, legend, paragraph, table
from codegen.book.msr_picture import draw_msr_bitmap
from codegen.book.page import Page
from codegen.book.port_picture import draw_ports
from codegen.book.refs import place, ref, target
from codegen.book.subject import Subject
from codegen.emit.bitmaps import has_io_bitmap, make_io_bitmap, make_msr_bitmap
from codegen.model.choices import Action, Domain, MsrRule

MSRS_CLOSE = (
    "Rows of 128 numbers that hold a register with a fact. The upper half of a cell is reading, the lower half "
    "writing. Point at a cell for its name; it leads to the register."
)
PORTS_WHOLE = (
    "A dot for each port, 256 to a row, 0 at the top left. Ports with a name are tinted, those that leave are named. "
    "One bit serves both directions."
)


def make_bitmaps(domain: Domain, subject: Subject) -> Page:
    msr, io = make_msr_bitmap(domain), make_io_bitmap(domain)
    half = len(msr) // 2
    lead = (
        f"What {code(domain.name)} may touch without leaving. Of {4 * len(msr):,} MSR numbers that the bitmap covers, "
        f"it reads {count_clear(msr[:half]):,} and writes {count_clear(msr[half:]):,} natively; of {8 * len(io):,} "
        f"ports, {count_set(io):,} leave."
    )
    parts = [*show_msrs(domain, msr, subject), *show_ports(domain, io, subject)]
    return Page(f"{domain.name}-bitmaps", "Bitmaps", f"This hypervisor/{domain.name}", tuple(parts), lead=lead)


def show_msrs(domain: Domain, data: bytes, subject: Subject) -> list[str]:
    """The bitmap from near and as a whole, and the rules that set bits in it."""
    key = legend([*KINDS.values(), ("ground", "no fact: the default")])
    words = (
        "As the processor reads it: a coloured dot of <em>native</em> is a clear bit, everything else is "
        f"set and leaves. {count_set(data):,} of {8 * len(data):,} bits are set."
    )
    return [
        "## MSRs, close { #msrs }", paragraph(MSRS_CLOSE), key,
        draw_close(list_msrs(domain, subject), f"MSRs with facts, as {domain.name} may use them"),
        "## The MSR bitmap, whole { #msr-bitmap }", paragraph(words), draw_msr_bitmap(domain, data, subject),
        make_rules(domain, subject),
    ]  # fmt: skip


def show_ports(domain: Domain, data: bytes, subject: Subject) -> list[str]:
    """The same for ports."""
    if not has_io_bitmap(domain):
        words = f"There is no bitmap: every port leaves, both ways. {place(domain.io.span)}"
        return ["## Ports { #ports }", paragraph(f"{words} {show(domain.io.default_read)}")]
    head = ("Ports", "Name", "Read", "Write", "Declared")
    rows = [
        (code(say_numbers(rule.port.first, rule.port.last)), ref("port", rule.port.name), show(rule.read),
         show(rule.write), place(rule.read.span))
        for rule in domain.io.rules
    ]  # fmt: skip
    return [
        "## Ports, close { #ports }",
        draw_close(list_ports(domain, subject), f"Ports with names, as {domain.name} may use them"),
        table(head, rows), "## The I/O bitmaps, whole { #io-bitmaps }", paragraph(PORTS_WHOLE),
        draw_ports(domain, data, subject),
    ]  # fmt: skip


def count_set(data: bytes) -> int:
    return sum(byte.bit_count() for byte in data)


def count_clear(data: bytes) -> int:
    return 8 * len(data) - count_set(data)


def list_msrs(domain: Domain, subject: Subject) -> list[Item]:
    return [
        Item(one.first, one.last, one.name, target("msr", one.name), *(
            action_for(domain, way, one.first) for way in ("read", "write")
        ))
        for one in subject.facts.msrs.values()
    ]  # fmt: skip


def list_ports(domain: Domain, subject: Subject) -> list[Item]:
    rules = {rule.port.name: (rule.read, rule.write) for rule in domain.io.rules}
    default = (domain.io.default_read, domain.io.default_write)
    return [
        Item(one.first, one.last, one.name, target("port", one.name), *rules.get(one.name, default))
        for one in subject.facts.ports.values()
    ]


def make_rules(domain: Domain, subject: Subject) -> str:
    """The policy's rules that set bits, in order of number."""
    rows = [
        (code(say_numbers(one.first, one.last)), say_name(one, subject), way, show(one.action), place(one.action.span))
        for way in ("read", "write") for one in rules_of(domain, way)[0] if one.action.kind != "pass"
    ]  # fmt: skip
    head = ("Numbers", "From", "Direction", "What happens", "Declared")
    return details(f"{len(rows)} rules that make an MSR leave", table(head, rows))


def say_name(rule: MsrRule, subject: Subject) -> str:
    return ref("msr", rule.name) if rule.name in subject.facts.msrs else code(rule.name)


def show(action: Action) -> str:
    return badge(words_of(action), colour(action))
