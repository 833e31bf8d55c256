"""The exit ledger: for a domain, what every basic exit reason of the manual's edition comes to.

handled     it can happen; an event's handler or a table decides, and ends in one of the outcomes
impossible  facts and choices exclude it on every processor, or the edition reserves the number
refused     only a processor that forces a control on could leave so, and the domain is not started there
hole        it can happen and nothing says what then, or the facts do not know the number
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from codegen.check.evaluate import evaluate
from codegen.insight.reading import Reading
from codegen.insight.reasons import Reason, find_reasons, rests_on_refusal
from codegen.insight.words import outcomes_of, outcomes_of_action, say_condition
from codegen.model.choices import Action, Domain, Model
from codegen.model.facts import Exit
from codegen.source import NOWHERE, Span

STATUSES = ("handled", "impossible", "refused", "hole")


@dataclass(frozen=True)
class Answer:
    """What answers an event: a handler or a table, where, and how it can end; `handled` is false in a hole."""

    event: str
    by: str
    span: Span
    outcomes: tuple[str, ...]
    handled: bool = True
    broken: bool = False


@dataclass(frozen=True)
class Row:
    """One exit reason; `broken`: what answers it has errors of its own."""

    number: int
    name: str
    status: str
    condition: str
    reasons: tuple[Reason, ...]
    answers: tuple[Answer, ...]
    sections: tuple[str, ...]
    span: Span

    @property
    def broken(self) -> bool:
        return any(one.broken for one in self.answers)


@dataclass(frozen=True)
class Ledger:
    """All exit reasons of a domain, by number."""

    domain: str
    rows: tuple[Row, ...]

    @property
    def holes(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == "hole")

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)


def make_ledgers(reading: Reading) -> tuple[Ledger, ...]:
    """A ledger for each domain of a spec; what has errors is marked."""
    model = reading.model
    ledgers = [make_ledger(model, domain) for domain in model.domains.values()]
    return tuple(mark_broken(one, reading, model.domains[one.domain]) for one in ledgers)


def make_ledger(model: Model, domain: Domain) -> Ledger:
    """A row for each number from 0 to the edition's highest."""
    exits = {one.number: one for one in model.facts.exits.values()}
    last = max([*exits, *model.facts.reserved_exits], default=-1)
    rows = [make_row(number, exits.get(number), model, domain) for number in range(last + 1)]
    return Ledger(domain.name, tuple(rows))


def make_row(number: int, exit: Exit | None, model: Model, domain: Domain) -> Row:
    """A number with an exit, one that is reserved, or one that the facts forgot."""
    if exit is not None:
        return make_exit_row(exit, model, domain)
    span = model.facts.reserved_exits.get(number)
    if span is not None:
        return Row(number, "", "impossible", "never", (Reason("the edition reserves this number", span),), (), (), span)
    return Row(number, "", "hole", "", (Reason("the facts do not know this number"),), (), (), NOWHERE)


def make_exit_row(exit: Exit, model: Model, domain: Domain) -> Row:
    """What the exit becomes, or why it cannot be."""
    possible = evaluate(exit.condition, domain).can_hold
    answers = tuple(make_answer(arm.event, domain) for arm in exit.arms) if possible else ()
    if possible:
        status = "handled" if answers and all(one.handled for one in answers) else "hole"
    else:
        status = "refused" if rests_on_refusal(exit.condition, domain, model) else "impossible"
    reasons = find_reasons(exit, domain, model)
    condition = say_condition(exit.condition)
    return Row(exit.number, exit.name, status, condition, reasons, answers, exit.doc.sections, exit.span)


def make_answer(event: str, domain: Domain) -> Answer:
    """An event's handler, the table that answers it, or nothing."""
    handler = domain.handlers.get(event)
    if handler is not None:
        return Answer(event, f"on {event}", handler.span, outcomes_of(handler.body.statements))
    tables = {
        "msr_read": ("msr", domain.msr.span), "msr_write": ("msr", domain.msr.span), "io": ("io", domain.io.span),
    }
    if event in tables:
        name, span = tables[event]
        return Answer(event, f"{name} {{ }}", span, table_outcomes(event, domain))
    return Answer(event, "nothing", NOWHERE, (), handled=False)


def table_actions(event: str, domain: Domain) -> list[Action]:
    """What a table may do with an access that left the guest, each action once, the default last."""
    if event == "io":
        actions = [action for rule in domain.io.rules for action in (rule.read, rule.write)]
        actions += [domain.io.default_read, domain.io.default_write]
    else:
        policy = domain.msr
        rules, default = (
            (policy.read, policy.default_read) if event == "msr_read" else (policy.write, policy.default_write)
        )
        actions = [*(rule.action for rule in rules if rule.action.kind != "pass"), default]
    return list({id(action): action for action in actions}.values())


def table_outcomes(event: str, domain: Domain) -> tuple[str, ...]:
    """How an access can end; a string instruction on a trapped port stops a kernel, and is #GP in ring 3."""
    words = [word for action in table_actions(event, domain) for word in outcomes_of_action(action)]
    return tuple(dict.fromkeys([*words, *(["stop"] if event == "io" and not domain.under else [])]))


def mark_broken(ledger: Ledger, reading: Reading, domain: Domain) -> Ledger:
    """Mark answers in whose lines the compiler found errors."""
    if reading.error is None:
        return ledger
    places = [one.span for one in domain.handlers.values()]
    broken = {find_owner(one.span, places) for one in reading.error.diagnostics}
    rows = [replace(row, answers=mark_answers(row.answers, broken)) for row in ledger.rows]
    return replace(ledger, rows=tuple(rows))


def mark_answers(answers: Iterable[Answer], broken: set[Span | None]) -> tuple[Answer, ...]:
    return tuple(replace(one, broken=one.span in broken) for one in answers)


def find_owner(place: Span, declarations: list[Span]) -> Span | None:
    """The last declaration that begins in the same file at or before a place."""
    before = [one for one in declarations if one.path == place.path and one.line <= place.line]
    return max(before, default=None)
