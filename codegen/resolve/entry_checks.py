"""Entry checks: rules by name, those under `each` once for every value of its word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from codegen import errors
from codegen.language import syntax
from codegen.language.expressions import say_expression
from codegen.model.entry_checks import EntryGroup, EntryRule, Omission
from codegen.model.facts import Doc
from codegen.model.ir import Constant, Expression
from codegen.model.types import BOOL
from codegen.resolve.declarations import check_doc, declare
from codegen.resolve.expressions import resolve_value
from codegen.resolve.facts import FactResolver
from codegen.resolve.scope import Scope


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
