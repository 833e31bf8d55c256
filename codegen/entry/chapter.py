"""The chapter on entry checks: every rule with its section, and every check of the manual that is none."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.model.entry_checks import EntryGroup, EntryRule, Omission
from codegen.model.facts import Facts


def make_chapter(facts: Facts) -> str:
    """The whole chapter, as Markdown."""
    groups = facts.entry_checks.values()
    rules, omitted = sum(len(one.rules) for one in groups), sum(len(one.omitted) for one in groups)
    head = [
        "# Entry checks",
        f"What the processor checks when a guest is entered: {rules} rules, by the sections of the manual. When an "
        f"entry fails, the hypervisor names those that are broken. {omitted} checks are not rules; each says why.",
    ]
    return "\n\n".join([*head, *(make_section(one, facts) for one in groups)]) + "\n"


def make_section(group: EntryGroup, facts: Facts) -> str:
    """A group: what it is about, how it fails, and its rules as a table."""
    title = group.name.replace("_", " ").capitalize()
    parts = [f"## {title}", f"{group.summary} {say_failure(group, facts)}", make_table(group.rules)]
    return "\n\n".join([*parts, *([make_omissions(group.omitted)] if group.omitted else [])])


def say_failure(group: EntryGroup, facts: Facts) -> str:
    """How an entry ends that breaks one of the rules."""
    if group.exit:
        return f"A broken rule ends the entry with exit {facts.exits[group.exit].number}, `{group.exit}`."
    return f"A broken rule ends the instruction with VM-instruction error {group.error}."


def make_table(rules: Iterable[EntryRule]) -> str:
    """A line for each rule."""
    lines = ["| rule | what | where | must hold | SDM |", "|---|---|---|---|---|", *map(make_row, rules)]
    return "\n".join(lines)


def make_row(rule: EntryRule) -> str:
    """A rule as it stands in the spec, and in words."""
    when = say_code(rule.when_text) if rule.when_text else "always"
    return f"| `{rule.name}` | {rule.summary} | {when} | {say_code(rule.text)} | {', '.join(rule.sections)} |"


def say_code(text: str) -> str:
    """Code in a table: bars are cells' ends there."""
    return f"`{text}`".replace("|", "\\|")


def make_omissions(omitted: Iterable[Omission]) -> str:
    """Checks that are no rules."""
    return "\n".join(f"- not a rule: `{one.name}` ({one.summary}) because {one.reason}. SDM {', '.join(one.sections)}"
                     for one in omitted)
