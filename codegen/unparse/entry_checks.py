"""Facts to text: the checks that a VM entry makes."""

from __future__ import annotations

from codegen import syntax
from codegen.unparse.expressions import say_expression
from codegen.unparse.layout import Lines, braces, say_doc


def say_checks(node: syntax.Checks) -> Lines:
    """A group of rules."""
    fails = f"exit {node.fails.exit.text}" if node.fails.exit else f"error {say_number(node.fails)}"
    return braces(f"checks {node.name.text} fails {fails}", [line for one in node.items for line in say_item(one)])


def say_number(fails: syntax.Fails) -> str:
    """The VM-instruction error's number."""
    return fails.error.text if fails.error else ""


def say_item(node: syntax.Rule | syntax.Each | syntax.Omitted) -> Lines:
    """A rule, several rules, or a check that is none."""
    match node:
        case syntax.Rule():
            return say_rule(node)
        case syntax.Each(word, values, rules):
            names = ", ".join(one.text for one in values)
            return braces(f"each {word.text} in {names}", [line for one in rules for line in say_rule(one)])
        case syntax.Omitted(doc, name, reason):
            return [*say_doc(doc), f'omitted {name.text} "{reason.value}";']


def say_rule(node: syntax.Rule) -> Lines:
    """What must hold on a line of its own."""
    when = f" when {say_expression(node.when)}" if node.when else ""
    return [*say_doc(node.doc), f"rule {node.name.text}{when}:", f"    {say_expression(node.holds)};"]
