"""Pages of the interface with programs of dom0, and of the command line's options."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.book.markup import Page, code, hexadecimal, table, tag, text
from codegen.book.refs import place, say_doc
from codegen.book.subject import Subject
from codegen.emit.abi import say_type, say_wants
from codegen.model.abi import Each, Flags, Numbers, Record, RecordField


def make_interface(subject: Subject) -> Page:
    """Return the page of numbers, flags, limits and records."""
    abi = subject.model.abi
    parts = [
        *(make_numbers(one, subject) for one in abi.numbers.values()),
        *(make_flags(one, subject) for one in abi.flags.values()),
        "## Limits { #limits }",
        table(("Limit", "Number", "Of what"), [
            (code(f"LUV_{one.name.upper()}_MAX"), str(one.number), text(one.text)) for one in abi.limits.values()
        ]),
        *(make_record(one, subject) for one in abi.records.values()),
    ]
    lead = (f"What programs of dom0 and the hypervisor share besides the [hypercalls](hypercalls.html): both include "
            f"{code('generated/abi/luvalley_abi.h')}.")
    return Page("interface", "Interface: numbers and records", "Reference", tuple(parts), lead=lead)


def make_numbers(kind: Numbers, subject: Subject) -> str:
    """Return a table of numbers."""
    rows = [(str(one.number), code(constant(kind.name, one.name)), str(one.size or ""), text(one.text))
            for one in kind.numbers]
    if kind.each:
        rows += list_each(kind.name, kind.each)
    head = ("Number", "Name", "Bytes", "Meaning")
    return make_section("numbers", kind, table(head, rows, "wrap"), subject)


def list_each(kind: str, each: Each) -> Iterator[tuple[str, str, str, str]]:
    """Yield the numbers that every one of several has."""
    for one in each.members:
        yield (f"{one.number} + {each.stride} * {each.name}", code(constant(kind, one.name)), "", text(one.text))


def make_flags(kind: Flags, subject: Subject) -> str:
    """Return a table of bits."""
    rows = [(f"{one.high}:{one.low}" if one.high > one.low else str(one.low), code(constant(kind.name, one.name)),
             text(one.text)) for one in kind.flags]
    return make_section("flags", kind, table(("Bits", "Name", "Meaning"), rows, "wrap"), subject)


def make_record(record: Record, subject: Subject) -> str:
    """Return a table of fields by offset."""
    rows = [(code(hexadecimal(one.offset)), code(one.name), code(say_field(one)), text(one.doc.summary))
            for one in record.fields]
    return make_section("record", record, table(("Offset", "Field", "Type", "Meaning"), rows, "wrap"), subject)


def make_section(kind: str, one: Numbers | Flags | Record, content: str, subject: Subject) -> str:
    """Return a heading, what is declared, and its table."""
    head = f"## {kind} `{one.name}` {{ #{kind}-{one.name} }}"
    return "\n\n".join([head, tag("p", say_doc(one.doc, subject) + " " + place(one.span)), content])


def constant(kind: str, name: str) -> str:
    """Return a number's name in C."""
    return f"LUV_{kind.upper()}_{name.upper()}"


def say_field(field: RecordField) -> str:
    """Return a field's type in C."""
    return say_type(field.type) + (f"[{field.count}]" if field.count else "")


def make_options(subject: Subject) -> Page:
    """Return the page of the command line's options."""
    rows = [(code(one.syntax), say_doc(one.doc, subject), text(say_wants(one)), place(one.span))
            for one in subject.model.abi.options.values()]
    lead = "The boot loader passes these options to the hypervisor. An unknown option or a bad value stops the boot."
    return Page("options", "Command line", "Reference",
                (table(("Option", "What it does", "Value", "Declared"), rows, "wrap"),), lead=lead)
