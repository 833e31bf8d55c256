"""Pages of hypercalls, and of externs, regions, constants and structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from codegen.book.flow import draw_flow
from codegen.book.handlers import say_cost, side_by_side
from codegen.book.lexer import show_c
from codegen.book.markup import Page, breakable, code, definitions, heading, hexadecimal, table, tag, text
from codegen.book.msrs import find_body
from codegen.book.refs import anchor, excerpt, place, ref, say_doc
from codegen.book.subject import Subject
from codegen.emit.abi import say_type, say_wants
from codegen.emit.hypercalls import ARGUMENT_REGISTERS
from codegen.model import ir
from codegen.model.abi import Each, Flags, Numbers, Record, RecordField
from codegen.model.choices import Body, Domain, Extern, Hypercall, Region
from codegen.model.types import StructType, Type

# ---- hypercalls: arguments, results, errors, and who may call


def make_hypercalls(subject: Subject) -> Page:
    calls = sorted(subject.model.hypercalls.values(), key=lambda one: one.number)
    registers = ", ".join(code(one.upper()) for one in ARGUMENT_REGISTERS)
    magic = hexadecimal(subject.model.abi.magic)
    lead = (
        f"{len(calls)} hypercalls, by VMCALL: {code('RAX')} holds {code(magic)} in its upper half and the "
        f"number in its lower, {registers} the arguments. The results are {code('RAX')} (0, or a negated error) and "
        f"{code('RDX')}."
    )
    head = ("Number", "Call", "Returns", "Errors", "Callers")
    rows = [
        (
            str(one.number),
            f'<a href="#{one.name}">{code(one.name)}</a>',
            say_returns(one),
            say_errors(one),
            ", ".join(map(code, one.callers)),
        )
        for one in calls
    ]
    errnos = table(
        ("Number", "Error", "Means"),
        [
            (str(one.number), tag("span", code(one.name), id=anchor("errno", one.name)), text(one.text))
            for one in subject.model.errnos.values()
        ],
    )
    return Page(
        "hypercalls",
        "Hypercalls",
        "Reference",
        (table(head, rows), *(make_call(one, subject) for one in calls), "## Errors { #errors }", errnos),
        lead=lead,
    )


def say_returns(call: Hypercall) -> str:
    return code(call.returns.name) if call.returns else "nothing"


def say_errors(call: Hypercall) -> str:
    return ", ".join(f'<a href="#{anchor("errno", one)}">{code(one)}</a>' for one in call.errors)


def make_call(call: Hypercall, subject: Subject) -> str:
    pairs = zip(call.parameters, ARGUMENT_REGISTERS, strict=False)
    given = (
        table(
            ("Register", "Argument", "Type"),
            [(code(register.upper()), code(name), type.name) for (name, type), register in pairs],
        )
        if call.parameters
        else ""
    )
    sheet = definitions(
        [
            ("Callers", text("; ".join(subject.model.abi.callers[one].text for one in call.callers))),
            ("Returns", say_returns(call)),
            ("Errors", say_errors(call)),
            ("Cost", say_cost(call.body, subject.records.costs_of(call.name))),
            ("Declared", place(call.span)),
        ]
    )
    files = [f"{subject.facts.processor}/{domain.name}_handlers.c" for domain in subject.hosts]
    parts = [subject.find_lines(file, f"LUV_HYPERCALL_{call.name}") for file in files]
    parts += [subject.find_function(file, f"hypercall_{call.name}") for file in files]
    made = show_c("\n".join(one for one in parts if one))
    return "\n\n".join(
        [
            f"## {call.number} &nbsp;`{call.name}` {{ #{call.name} }}",
            tag("p", say_doc(call.doc, subject)),
            sheet,
            given,
            draw_flow(f"hypercall {call.name}", call.body.statements, f"The hypercall {call.name}"),
            side_by_side(excerpt(subject, call.span), made),
        ]
    )


# ---- externs, regions, constants and structures


def make_runtime(subject: Subject) -> Page:
    model = subject.model
    externs = [make_extern(one, subject) for one in model.externs.values()]
    constants = [
        (heading(4, code(name), anchor("constant", name)), code(hexadecimal(value)), type.name, say_doc(doc, subject))
        for name, (value, type, doc) in model.constants.items()
    ]
    structs = [make_struct(one) for one in model.structs.values()]
    regions = [make_region(one, subject) for one in model.regions.values()]
    lead = "Handler bodies can call only the functions that are listed here."
    return Page(
        "runtime",
        "Runtime: externs and regions",
        "Reference",
        (
            "## Externs { #externs }",
            table(("Function", "Costs", "Returns", "What it does", "Called by", "Declared"), externs, "wrap"),
            "## Regions { #regions }",
            table(("Region", "Where", "What it is", "Declared"), regions),
            "## Constants { #constants }",
            table(("Constant", "Value", "Type", "What it is"), constants),
            "## Structures { #structs }",
            table(("Structure", "Fields"), structs),
        ),
        lead=lead,
    )


def make_extern(extern: Extern, subject: Subject) -> tuple[str, ...]:
    given = [*(["cpu"] if extern.takes_cpu else []), *(f"{name} : {type.name}" for name, type in extern.parameters)]
    name = heading(4, code(f"{extern.name}({', '.join(given)})"), extern.name)
    callers = ", ".join(
        dict.fromkeys(label for label, body in list_bodies(subject) if calls(body.statements, extern.name))
    )
    return (
        name,
        f"{extern.cost}",
        code(type_name(extern.returns)),
        say_doc(extern.doc, subject),
        callers,
        place(extern.span),
    )


def type_name(type: Type | None) -> str:
    return type.name if type is not None else "nothing"


def make_struct(struct: StructType) -> tuple[str, ...]:
    fields = ", ".join(code(f"{name} : {type.name}") for name, type in struct.fields)
    return (heading(4, code(struct.name), anchor("struct", struct.name)), fields)


def make_region(region: Region, subject: Subject) -> tuple[str, ...]:
    where = {"runtime": "chosen at boot", "all": "all of memory"}.get(region.kind) or (
        f"{code(hexadecimal(region.base))}, {region.size // 1024} KiB"
    )
    return (
        heading(4, code(region.name), anchor("region", region.name)),
        where,
        say_doc(region.doc, subject),
        place(region.span),
    )


def list_bodies(subject: Subject) -> Iterator[tuple[str, Body]]:
    """Yield every body of the spec, and a link to it."""
    for domain in subject.domains:
        for event, handler in domain.handlers.items():
            yield link_body(domain, event, f"on {event}"), handler.body
        for way, rules in (("read", domain.msr.read), ("write", domain.msr.write)):
            for rule in rules:
                if rule.action.body and rule.name == find_body(domain, way, rule.action):
                    yield link_body(domain, f"{rule.name}-{way}", f"{rule.name} {way}"), rule.action.body
        for port in domain.io.rules:
            for way, action in (("read", port.read), ("write", port.write)):
                if action.body:
                    yield link_body(domain, f"{port.port.name}-{way}", f"{port.port.name} {way}"), action.body
    for call in subject.model.hypercalls.values():
        yield link_call(call), call.body


def link_body(domain: Domain, name: str, label: str) -> str:
    return f'<a href="{domain.name}-handlers.html#{name}">{breakable(code(label))}</a>'


def link_call(call: Hypercall) -> str:
    return ref("hypercall", call.name)


def calls(node: object, name: str) -> bool:
    """Return true if a function is called anywhere below a node."""
    return any(
        one.extern.name == name
        for one in find_nodes(node, lambda one: isinstance(one, ir.ExternCall))
        if isinstance(one, ir.ExternCall)
    )


def find_nodes(node: object, wanted: Callable[[object], bool]) -> Iterator[object]:
    """Yield the statements and expressions below a node, itself included."""
    if isinstance(node, tuple):
        for one in node:
            yield from find_nodes(one, wanted)
    elif type(node).__module__ == ir.__name__:
        if wanted(node):
            yield node
        for field in getattr(node, "__dataclass_fields__", ()):
            yield from find_nodes(getattr(node, field), wanted)


# ---- the interface: records, numbers, limits


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
