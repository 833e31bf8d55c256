"""What a policy does with an access: the rule for a number, its colour, and its words."""

from __future__ import annotations

from codegen.book.markup import badge, hexadecimal, tag, text
from codegen.book.refs import place
from codegen.insight.words import outcomes_of, say_list
from codegen.model.choices import Action, Domain, MsrRule
from codegen.model.facts import Msr

# Kind of action -> colour, and its meaning for legends. Everything but `pass` is a set bit in the bitmap.
KINDS = {
    "pass": ("good", "native: the guest's own, no exit"),
    "forward": ("prefer", "the VMM is told"),
    "hypercalls": ("on", "calls of root; all else natively"),
    "try": ("warm", "try: done in root mode with a fault fix-up"),
    "value": ("switched", "a constant"),
    "do": ("on", "a body in the spec decides"),
    "inject": ("fault", "an exception"),
}
LOW, HIGH, SPAN = 0x0, 0xC0000000, 0x2000


def rules_of(domain: Domain, direction: str) -> tuple[tuple[MsrRule, ...], Action]:
    policy = domain.msr
    return (policy.read, policy.default_read) if direction == "read" else (policy.write, policy.default_write)


def action_for(domain: Domain, direction: str, number: int) -> Action:
    """What the policy does with an MSR: its rule's action, or the default."""
    rules, default = rules_of(domain, direction)
    return next((one.action for one in rules if one.first <= number <= one.last), default)


def colour(action: Action) -> str:
    return KINDS[action.kind][0]


def words_of(action: Action) -> str:
    """An action in a word or two, without markup."""
    match action.kind:
        case "pass":
            return "native"
        case "value":
            return f"{action.value:#x}"
        case "inject" if action.vector is not None:
            return f"inject {action.vector.name}"
        case "forward" if action.body is not None:
            return say_list(outcomes_of(action.body.statements))
        case "do" if action.body is not None:
            return f"do: {say_list(outcomes_of(action.body.statements))}"
    return action.kind


def show(action: Action, body: str = "") -> str:
    """An action as a badge with its place; a body's badge leads to its diagram."""
    label = badge("do" if action.kind == "do" else words_of(action), colour(action), words_of(action))
    return (tag("a", label, href=body) if body and action.kind == "do" else label) + " " + place(action.span)


def find_body(domain: Domain, direction: str, action: Action) -> str:
    """The first rule that has an action's body: registers of one kind share it. Nothing where it has none."""
    rules, _ = rules_of(domain, direction)
    return next((one.name for one in rules if action.kind == "do" and one.action.body is action.body), "")


def body_anchor(domain: Domain, direction: str, action: Action) -> str:
    """Where a body's diagram is."""
    name = find_body(domain, direction, action)
    return f"{domain.name}-handlers.html#{name}-{direction}" if name else ""


def bitmap_place(number: int, direction: str) -> str:
    """Where an MSR's bit is, as `byte.bit` of the page, or that it has none."""
    if LOW <= number < LOW + SPAN:
        half, index = 0, number
    elif HIGH <= number < HIGH + SPAN:
        half, index = 1024, number - HIGH
    else:
        return "always exits"
    return f"{half + (2048 if direction == 'write' else 0) + index // 8}.{index % 8}"


def show_guard(msr: Msr) -> str:
    """Why an MSR may not be passed for writing."""
    return badge("guarded", "bad", msr.guarded) + " " + text(msr.guarded) if msr.guarded else ""


def say_numbers(first: int, last: int) -> str:
    return hexadecimal(first) if first == last else f"{hexadecimal(first)}..{hexadecimal(last)}"


def is_set(data: bytes, index: int) -> bool:
    """A bit of a bitmap."""
    return bool(data[index // 8] >> index % 8 & 1)
