"""Hypercalls: arguments, answers, errors, and who may call."""

from __future__ import annotations

from codegen.book.costs import say_cost
from codegen.book.flow import draw_flow
from codegen.book.handlers import side_by_side
from codegen.book.lexer import show_c
from codegen.book.markup import code, definitions, hexadecimal, table, tag, text
from codegen.book.page import Page
from codegen.book.refs import anchor, place, say_doc
from codegen.book.sources import excerpt
from codegen.book.subject import Subject
from codegen.emit.hypercalls import ARGUMENT_REGISTERS, MAGIC
from codegen.model.choices import Hypercall

CALLERS = {
    "user": "any process of dom0, in 64-bit ring 3",
    "owner": "the address space that made the domain, with its secret",
    "secret": "any process that knows the domain's secret",
    "root": "a process that may write the port of root's calls",
}


def make_hypercalls(subject: Subject) -> Page:
    calls = sorted(subject.model.hypercalls.values(), key=lambda one: one.number)
    registers = ", ".join(code(one.upper()) for one in ARGUMENT_REGISTERS)
    lead = (
        f"{len(calls)} hypercalls, by VMCALL: {code('RAX')} holds {code(hexadecimal(MAGIC))} in its upper half and the "
        f"number in its lower, {registers} the arguments. The answer is in {code('RAX')} (0, or an error negated) and "
        f"{code('RDX')}."
    )
    head = ("Number", "Call", "Returns", "Errors", "From")
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
            ("From", text("; ".join(CALLERS[one] for one in call.callers))),
            ("Returns", say_returns(call)),
            ("Errors", say_errors(call)),
            ("Cost", say_cost(call.body, subject.records.costs_of(call.name))),
            ("Declared", place(call.span)),
        ]
    )
    functions = [
        subject.find_function(f"{domain.name}_handlers.c", f"hypercall_{call.name}") for domain in subject.hosts
    ]
    made = next((show_c(one) for one in functions if one), "")
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
