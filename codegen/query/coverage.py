"""Exit coverage: how a domain handles each basic exit reason of the manual's edition, or why it cannot occur.

handled     the exit can occur; a handler or a table handles each of its events
impossible  facts and choices exclude it on every processor, or the manual reserves the number
refused     it can occur only on a processor that requires a control to be 1; no domain runs on such a processor
hole        it can occur and nothing handles it, or the facts do not know the number
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from codegen.check.evaluate import evaluate, explain, setting_of
from codegen.language.expressions import say_expression
from codegen.model import ir
from codegen.model.choices import Action, Domain, Model
from codegen.model.events import BYTE
from codegen.model.facts import Exit
from codegen.query.reading import Reading
from codegen.query.words import outcomes_of, outcomes_of_action
from codegen.resolve.lift import lift_condition
from codegen.source import NOWHERE, Span

# ---- why an exit can or cannot happen: the chain from its fact to the choices, each link with its place


@dataclass(frozen=True)
class Reason:
    """One link; `span`: the choice or the fact that it rests on."""

    text: str
    span: Span = NOWHERE

    @property
    def is_choice(self) -> bool:
        """Return true for a choice: facts are in folders of that name, and a reason without a place is neither."""
        return bool(self.span.path) and "/facts/" not in self.span.path


def find_reasons(exit: Exit, domain: Domain, model: Model) -> tuple[Reason, ...]:
    """Return the conditions that decide, then the clauses of the domain that name the event."""
    holds = evaluate(exit.condition, domain).can_hold
    if isinstance(exit.condition, ir.Always):
        never = exit.doc.summary or "the facts declare that it never occurs"
        text = "unconditional: no control prevents it" if holds else never
        return (Reason(text, exit.span), *find_clauses(exit, domain))
    return (*dict.fromkeys(say_atoms(exit.condition, holds, domain, model)), *find_clauses(exit, domain))


def find_clauses(exit: Exit, domain: Domain) -> Iterator[Reason]:
    """Yield the `native` and `trap` clauses that name an event of the exit."""
    events = {alternative.event for alternative in exit.alternatives}
    for words, names in (("native", domain.native), ("trapped", domain.trapped)):
        yield from (Reason(f"`{name.text}` is {words}", name.span) for name in names if name.text in events)


def say_atoms(condition: ir.Condition, holds: bool, domain: Domain, model: Model) -> Iterator[Reason]:
    """Yield the parts of a condition that make it possible, or impossible."""
    match condition:
        case ir.AndCondition(operands) | ir.OrCondition(operands):
            for one in operands:
                if evaluate(one, domain).can_hold == holds and not isinstance(one, ir.Always):
                    yield from say_atoms(one, holds, domain, model)
        case ir.NotCondition(operand):
            yield from say_atoms(operand, not holds, domain, model)
        case ir.ControlAtom(control):
            yield say_control(control, domain, model)
        case _:
            yield Reason(explain(condition, domain, model.facts), find_table(condition, domain))


def say_control(control: str, domain: Domain, model: Model) -> Reason:
    """Return a control's setting; one that the domain does not mention is off."""
    setting = domain.settings.get(control)
    if setting:
        by = f" by `{setting.origin}`" if setting.origin else ""
        return Reason(f"{control} is {setting.value}{by}", setting.span)
    return Reason(f"{control} is off (not set)", model.facts.controls[control].span)


def find_table(condition: ir.Condition, domain: Domain) -> Span:
    """Return where the domain declares the table that an atom refers to."""
    table = condition.table.split(".")[0] if isinstance(condition, ir.TableAtom) else "msr"
    return {"io": domain.io.span, "msr": domain.msr.span}.get(table, domain.span)


def rests_on_refusal(condition: ir.Condition, domain: Domain, model: Model) -> bool:
    """Return true if a condition that cannot hold could hold on a processor on which no domain runs."""
    match condition:
        case ir.ControlAtom(control):
            return can_be_forced(control, model) and setting_of(domain, control) == "off"
        case ir.NotCondition(ir.ControlAtom()):
            return True
        case ir.NotCondition(operand):
            return rests_on_refusal(operand, domain, model)
        case ir.AndCondition(operands):
            failing = [one for one in operands if not evaluate(one, domain).can_hold]
            return all(rests_on_refusal(one, domain, model) for one in failing)
        case ir.OrCondition(operands):
            return any(rests_on_refusal(one, domain, model) for one in operands)
    return False


def can_be_forced(control: str, model: Model) -> bool:
    """Return true for words with a TRUE capability MSR: its allowed-0 half may require a bit. SDM: A.3 to A.5"""
    word = model.facts.words[model.facts.controls[control].word]
    return word.true_msr is not None


# ---- coverage


STATUSES = ("handled", "impossible", "refused", "hole")


@dataclass(frozen=True)
class Answer:
    """What handles an event: a handler or a table, its place, its outcomes; `handled` is false in a hole."""

    event: str
    by: str
    span: Span
    outcomes: tuple[str, ...]
    handled: bool = True
    broken: bool = False


@dataclass(frozen=True)
class Row:
    """One exit reason; `broken`: the declaration that handles it has errors."""

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
class Coverage:
    """All exit reasons of a domain, by number."""

    domain: str
    rows: tuple[Row, ...]

    def find(self, exit: Exit) -> Row:
        return next(row for row in self.rows if row.number == exit.number)

    @property
    def holes(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == "hole")

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)


def make_coverages(reading: Reading) -> tuple[Coverage, ...]:
    """Return the exit coverage of each domain of a spec, with erroneous handlers marked."""
    model = reading.model
    coverages = [make_coverage(model, domain) for domain in model.domains.values()]
    return tuple(mark_broken(one, reading, model.domains[one.domain]) for one in coverages)


def make_coverage(model: Model, domain: Domain) -> Coverage:
    """Return a row for each exit and each number without one, from 0 to the edition's highest of one byte."""
    exits = {number: one for one in model.facts.exits.values() for number in range(one.number, one.last + 1)}
    known = {*exits, *model.facts.reserved_exits}
    last = max((number for number in known if number < BYTE), default=-1)
    numbers = [*range(last + 1), *sorted(one for one in known if one >= BYTE), *sorted(one for one in known if one < 0)]
    first = [one for one in numbers if one not in exits or exits[one].number == one]
    return Coverage(domain.name, tuple(make_row(number, exits.get(number), model, domain) for number in first))


def make_row(number: int, exit: Exit | None, model: Model, domain: Domain) -> Row:
    """Return the row of an exit, of a reserved number, or of one that the facts lack."""
    if exit is not None:
        return make_exit_row(exit, model, domain)
    span = model.facts.reserved_exits.get(number)
    if span is not None:
        reason = Reason("this edition of the SDM reserves the number", span)
        return Row(number, "", "impossible", "never", (reason,), (), (), span)
    return Row(number, "", "hole", "", (Reason("the facts have no exit with this number"),), (), (), NOWHERE)


def make_exit_row(exit: Exit, model: Model, domain: Domain) -> Row:
    """Return how an exit is handled, or why it cannot occur."""
    possible = evaluate(exit.condition, domain).can_hold
    answers = tuple(make_answer(alternative.event, domain) for alternative in exit.alternatives) if possible else ()
    if possible:
        status = "handled" if answers and all(one.handled for one in answers) else "hole"
    else:
        status = "refused" if rests_on_refusal(exit.condition, domain, model) else "impossible"
    reasons = find_reasons(exit, domain, model)
    condition = say_expression(lift_condition(exit.condition))
    return Row(exit.number, exit.name, status, condition, reasons, answers, exit.doc.sections, exit.span)


def make_answer(event: str, domain: Domain) -> Answer:
    """Return an event's handler, the table that handles it, or nothing."""
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
    """Return what a table may do with an access that caused a VM exit, each action once, the default last."""
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
    """Return how an access can end.

    A string instruction on a trapped port stops dom0 if its kernel executes it, and gets #GP in ring 3.
    """
    words = [word for action in table_actions(event, domain) for word in outcomes_of_action(action)]
    return tuple(dict.fromkeys([*words, *(["stop"] if event == "io" and not domain.under else [])]))


def mark_broken(coverage: Coverage, reading: Reading, domain: Domain) -> Coverage:
    """Mark handlers in whose lines the compiler found errors."""
    if reading.error is None:
        return coverage
    places = [one.span for one in domain.handlers.values()]
    broken = {find_owner(one.span, places) for one in reading.error.diagnostics}
    rows = [replace(row, answers=mark_answers(row.answers, broken)) for row in coverage.rows]
    return replace(coverage, rows=tuple(rows))


def mark_answers(answers: Iterable[Answer], broken: set[Span | None]) -> tuple[Answer, ...]:
    return tuple(replace(one, broken=one.span in broken) for one in answers)


def find_owner(place: Span, declarations: list[Span]) -> Span | None:
    """Return the last declaration that begins in the same file at or before a place."""
    before = [one for one in declarations if one.path == place.path and one.line <= place.line]
    return max(before, default=None)
