"""Exits and the events that they become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

from codegen import errors
from codegen.language import syntax
from codegen.language.expressions import say_expression
from codegen.model import facts as model
from codegen.model import ir
from codegen.model.entry_checks import EntryGroup, EntryRule, Omission
from codegen.model.facts import Doc
from codegen.model.ir import Constant, Expression
from codegen.model.types import BOOL, SCALARS, Scalar
from codegen.resolve.declarations import check_doc, check_reserved, declare, make_doc
from codegen.resolve.expressions import resolve, resolve_value
from codegen.resolve.facts import FactResolver, resolve_condition
from codegen.resolve.scope import LITERAL, Scope
from codegen.source import Span

MAX_EXIT = 0xFFFF


def add_exits(node: syntax.Exits, resolver: FactResolver) -> None:
    """Add all exits of a table."""
    for exit in node.exits:
        if not resolver.check_range(exit.number, exit.last, MAX_EXIT, "exit reason"):
            continue
        for number in list_numbers(exit):
            resolver.take_number("exit", number, exit.number.span, f"exit reason {number}")
        if exit.name is None:
            resolver.facts.reserved_exits.update(dict.fromkeys(list_numbers(exit), exit.number.span))
        else:
            add_exit(exit, exit.name, resolver)


def list_numbers(node: syntax.Exit) -> range:
    """Return the numbers of an exit: one, or a range of them."""
    return range(-node.number.value, -node.number.value + 1) if node.negative else range(
        node.number.value, node.last.value + 1)


def add_information(node: syntax.Information, resolver: FactResolver) -> None:
    """Add the words of information."""
    for one in node.words:
        resolver.find(resolver.facts.vmcs, one.field, "VMCS field")
        made = model.InformationWord(one.name.text, one.field.text, one.title.value, one.name.span)
        declare(resolver.facts.information, one.name, "word of information", made, resolver.reporter)


def find_information(node: syntax.Exit, resolver: FactResolver) -> tuple[model.Information, ...]:
    """Return the words that an exit fills, each once, with their layouts."""
    made: dict[str, model.Information] = {}
    places: dict[str, Span] = {}
    for name, layout_name in node.layouts:
        word = resolver.find(resolver.facts.information, name, "word of information")
        layout = resolver.find(resolver.facts.layouts, layout_name, "layout")
        if name.text in places:
            errors.duplicate_name(resolver.reporter, name, "layout", places[name.text])
        places[name.text] = name.span
        if word and layout:
            made[name.text] = model.Information(word, layout)
    return tuple(made.values())


def add_exit(node: syntax.Exit, name: syntax.Name, resolver: FactResolver) -> None:
    """Add one exit and its events."""
    facts, reporter = resolver.facts, resolver.reporter
    if name.text in facts.exits:
        errors.duplicate_name(reporter, name, "exit", facts.exits[name.text].span)
        return
    information = find_information(node, resolver)
    layouts = {one.word.name: one.layout for one in information}
    scope = Scope(reporter, facts, "fact", layouts=layouts, exit_name=name.text)
    alternatives = tuple(make_alternative(alternative, scope) for alternative in node.alternatives)
    condition = resolve_condition(node.condition, facts, reporter)
    length = find_length(node)
    numbers = list_numbers(node)
    span = name.span if isinstance(node.condition, str) else node.condition.span
    facts.exits[name.text] = model.Exit(
        numbers[0], name.text, condition, length, information, alternatives,
        make_doc(node.doc), name.span, span, numbers[-1], find_length_field(node, resolver),
    )
    check_alternatives(node, name, resolver)
    for alternative, alternative_node in zip(alternatives, node.alternatives, strict=True):
        add_event(alternative, alternative_node, name.text, resolver)


def find_length(node: syntax.Exit) -> str | int:
    """Return a word, or the number of bytes that an instruction has where no field says it."""
    match node.length:
        case str():
            return node.length
        case (_, number):
            return number.value
    return node.length.value


def find_length_field(node: syntax.Exit, resolver: FactResolver) -> str | None:
    """Return the field that says the length, or the next RIP, on processors that have it."""
    if not isinstance(node.length, tuple):
        return None
    resolver.find(resolver.facts.vmcs, node.length[0], "field")
    return node.length[0].text


def check_alternatives(node: syntax.Exit, name: syntax.Name, resolver: FactResolver) -> None:
    """Report exits whose last event has a condition, and events that come after one without."""
    if not node.alternatives or node.alternatives[-1].where:
        span = node.alternatives[-1].event.span if node.alternatives else name.span
        errors.no_outcome(resolver.reporter, span, f"exit `{name.text}`", "an event")
    for before, alternative in pairwise(node.alternatives):
        if before.where is None:
            errors.after_outcome(resolver.reporter, alternative.event.span, before.event.span)


def make_alternative(node: syntax.Alternative, scope: Scope) -> model.Alternative:
    """Return an event with its typed payload."""
    payload = []
    places: dict[str, Span] = {}
    for field in node.payload:
        value = resolve(field.value, scope)
        check_reserved(field.name, "field", scope.reporter)
        if field.name.text in places:
            kind = f"field of event `{node.event.text}`"
            errors.duplicate_name(scope.reporter, field.name, kind, places[field.name.text])
        places[field.name.text] = field.name.span
        if value is not None:
            payload.append((field.name.text, settle(value)))
    where = resolve_value(node.where, scope, BOOL) if node.where else None
    return model.Alternative(node.event.text, tuple(payload), where)


def settle(value: ir.Expression) -> ir.Expression:
    """Return a value; a bare number in a payload gets 64 bits."""
    if isinstance(value, ir.Constant) and value.type == LITERAL:
        return replace(value, type=SCALARS["u64"])
    return value


def add_event(alternative: model.Alternative, node: syntax.Alternative, exit: str, resolver: FactResolver) -> None:
    """Add the event by name; exits that share it agree on its payload."""
    types = tuple((name, value.type) for name, value in alternative.payload if isinstance(value.type, Scalar))
    known = resolver.facts.events.get(alternative.event)
    if known is None:
        resolver.facts.events[alternative.event] = model.Event(alternative.event, types, (exit,), node.event.span)
        return
    if known.payload != types:
        found = f"{say_payload(types)} instead of {say_payload(known.payload)}"
        message = f"event `{alternative.event}` has another payload here: {found}"
        errors.payload_mismatch(resolver.reporter, node.event, alternative.event, message, known.span)
    resolver.facts.events[alternative.event] = replace(known, exits=(*known.exits, exit))


def say_payload(types: tuple[tuple[str, Scalar], ...]) -> str:
    """Return a payload's names and types."""
    return "{" + ", ".join(f"{name}: {type.name}" for name, type in types) + "}" if types else "nothing"


# ---- entry checks


def add_checks(node: syntax.Checks, doc: Doc, resolver: FactResolver) -> None:
    """Add a group and its rules."""
    scope = Scope(resolver.reporter, resolver.facts, "entry")
    made = [make_rule(one, node, doc, scope) for one in expand_items(node)]
    rules = tuple(one for one in made if one is not None)
    omitted = tuple(make_omission(one, doc) for one in node.items if isinstance(one, syntax.Omitted))
    resolver.find(resolver.facts.exits, node.fails.exit, "exit")
    error = node.fails.error.value if node.fails.error else 0
    exit = node.fails.exit.text if node.fails.exit else ""
    group = EntryGroup(node.name.text, error, exit, rules, omitted, doc.summary, doc.sections, node.name.span)
    declare(resolver.facts.entry_checks, node.name, "group of checks", group, resolver.reporter)
    for rule in rules:
        declare(resolver.facts.entry_rules, syntax.Name(rule.name, rule.span), "rule", rule, resolver.reporter)


def expand_items(node: syntax.Checks) -> Iterator[syntax.Rule]:
    """Yield the rules, those under `each` with its word replaced."""
    for item in node.items:
        if isinstance(item, syntax.Rule):
            yield item
        elif isinstance(item, syntax.Each):
            for value in item.values:
                yield from (substitute(rule, item.word.text, value.text) for rule in item.rules)


def substitute(node: Any, word: str, value: str) -> Any:
    """Return the node with `word` replaced in every name and in its documentation."""
    match node:
        case syntax.Name(text, span):
            return syntax.Name(replace_part(text, word, value), span)
        case syntax.Doc(lines, sections, span):
            return syntax.Doc(tuple(line.replace(f"`{word}`", value.upper()) for line in lines), sections, span)
        case tuple():
            return tuple(substitute(one, word, value) for one in node)
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{one.name: substitute(getattr(node, one.name), word, value) for one in fields(node)})
    return node


def replace_part(text: str, word: str, value: str) -> str:
    """Replace `word` where it stands between underscores."""
    return "_".join(value if part == word else part for part in text.split("_"))


def make_rule(node: syntax.Rule, group: syntax.Checks, doc: Doc, scope: Scope) -> EntryRule | None:
    """Return a typed rule; it cites its own sections, or those of its group."""
    own = check_doc(node.doc, f"rule `{node.name.text}`", node.name.span, scope.reporter)
    when = resolve_value(node.when, scope, BOOL) if node.when else None
    holds = resolve_value(node.holds, scope, BOOL)
    if holds is None or (node.when and when is None):
        return None
    check_varies(node, holds, scope)
    return EntryRule(
        node.name.text, group.name.text, when, holds, say_expression(node.when) if node.when else "",
        say_expression(node.holds), own.summary, own.sections or doc.sections, node.name.span,
    )


def check_varies(node: syntax.Rule, holds: Expression, scope: Scope) -> None:
    """Report a rule that does not depend on the VMCS."""
    if isinstance(holds, Constant):
        message, help = f"rule `{node.name.text}` does not depend on anything", "ask for a field or a control"
        errors.type_mismatch(scope.reporter, node.holds.span, message, "always the same", help)


def make_omission(node: syntax.Omitted, doc: Doc) -> Omission:
    """Return a check that is left out; it cites its own sections, or those of its group."""
    lines = " ".join(node.doc.lines) if node.doc else ""
    sections = tuple(one.text for one in node.doc.sections) if node.doc else ()
    return Omission(node.name.text, node.reason.value, lines.split("SDM:")[0].strip(), sections or doc.sections)
