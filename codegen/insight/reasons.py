"""Why an exit can or cannot happen: the chain from its fact to the choices, each link with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.check.evaluate import evaluate, explain, setting_of
from codegen.model import ir
from codegen.model.choices import Domain, Model
from codegen.model.facts import Exit
from codegen.source import NOWHERE, Span


@dataclass(frozen=True)
class Reason:
    """One link; `span`: the choice or the fact that it rests on."""

    text: str
    span: Span = NOWHERE

    @property
    def is_choice(self) -> bool:
        """Facts live in folders of that name; a reason without a place is neither."""
        return bool(self.span.path) and "/facts/" not in self.span.path


def find_reasons(exit: Exit, domain: Domain, model: Model) -> tuple[Reason, ...]:
    """What decides, and the wish behind it."""
    holds = evaluate(exit.condition, domain).can_hold
    if isinstance(exit.condition, ir.Always):
        text = "no control prevents it" if holds else exit.doc.summary or "never on this backend"
        return (Reason(text, exit.span), *find_wishes(exit, domain))
    return (*dict.fromkeys(say_leaves(exit.condition, holds, domain, model)), *find_wishes(exit, domain))


def find_wishes(exit: Exit, domain: Domain) -> Iterator[Reason]:
    """`native` and `trap` clauses that name an event of the exit."""
    events = {arm.event for arm in exit.arms}
    for words, names in (("native", domain.native), ("trapped", domain.trapped)):
        yield from (Reason(f"`{name.text}` is {words}", name.span) for name in names if name.text in events)


def say_leaves(condition: ir.Condition, holds: bool, domain: Domain, model: Model) -> Iterator[Reason]:
    """The parts of a condition that make it possible, or impossible."""
    match condition:
        case ir.AndCondition(operands) | ir.OrCondition(operands):
            for one in operands:
                if evaluate(one, domain).can_hold == holds and not isinstance(one, ir.Always):
                    yield from say_leaves(one, holds, domain, model)
        case ir.NotCondition(operand):
            yield from say_leaves(operand, not holds, domain, model)
        case ir.ControlAtom(control):
            yield say_control(control, domain, model)
        case _:
            yield Reason(explain(condition, domain, model.facts), find_table(condition, domain))


def say_control(control: str, domain: Domain, model: Model) -> Reason:
    """A control's setting; what nothing mentions is off."""
    setting = domain.settings.get(control)
    if setting:
        return Reason(f"{control} is {setting.value}", setting.span)
    return Reason(f"{control} is off (not set)", model.facts.controls[control].span)


def find_table(condition: ir.Condition, domain: Domain) -> Span:
    """Where the domain says what a table atom asks."""
    table = condition.table.split(".")[0] if isinstance(condition, ir.TableAtom) else "msr"
    return {"io": domain.io.span, "msr": domain.msr.span}.get(table, domain.span)


def rests_on_refusal(condition: ir.Condition, domain: Domain, model: Model) -> bool:
    """Whether a condition that does not hold could hold on a processor where the domain is not started."""
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
    """Words with a TRUE capability MSR have an allowed-0 half: a processor may insist on a bit. SDM: A.3 to A.5"""
    word = model.facts.words[model.facts.controls[control].word]
    return word.true_msr is not None
