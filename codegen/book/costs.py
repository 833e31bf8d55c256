"""What bodies cost: the bound that the compiler knows, and what recorded runs measured."""

from __future__ import annotations

from codegen.book.flow import find_bound
from codegen.book.markup import code, paragraph, table, text
from codegen.book.records import Cost
from codegen.book.subject import Subject
from codegen.model.choices import Body


def say_cost(body: Body, costs: list[Cost]) -> str:
    """The bound of the dearest path, then each figure."""
    bound = f"at most {find_bound(body.statements)} instructions in the handler, its externs as declared"
    return "<br>".join([bound, *map(say_figure, costs)])


def say_figure(cost: Cost) -> str:
    return f"<strong>{cost.ticks:,} ticks</strong> measured: {text(cost.what)}, ended by {code(cost.ends)}"


def say_origin(subject: Subject) -> str:
    """Who recorded the figures, and whether the spec has changed since."""
    if not subject.records.commands:
        return ""
    commands = ", ".join(map(code, subject.records.commands))
    words = (
        f"Measured by {commands} in Bochs with one CPU, where a tick is an instruction: from the guest's instruction "
        "to its next, the exit and the entry among them."
    )
    changed = " The spec has changed since." if subject.outdated else ""
    return paragraph(words + changed)


def make_costs(subject: Subject) -> list[str]:
    """Every measured exit, the cheapest first."""
    if not subject.records.costs:
        return []
    rows = [
        (f"{one.ticks:,}", code(one.event), text(one.what), code(one.ends))
        for one in sorted(subject.records.costs, key=lambda one: one.ticks)
    ]
    head = ("Ticks", "Event or rule", "What was executed", "Ended by")
    return ["## Measured { #measured }", say_origin(subject), table(head, rows, "figures")]
