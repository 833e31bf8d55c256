"""The page of VM-entry checks: the manual's rules, by group."""

from __future__ import annotations

from codegen.book.markup import Page, breakable, code, heading, table, tag, text
from codegen.book.refs import cite, place, ref
from codegen.book.subject import Subject
from codegen.model.entry_checks import PREDICATES, EntryGroup, EntryRule


def make_entry_checks(subject: Subject) -> list[Page]:
    """Make the page, if the spec has such rules."""
    groups = subject.facts.entry_checks
    if not groups:
        return []
    rules = sum(len(one.rules) for one in groups.values())
    lead = (
        f"{rules} rules of the manual on what VM entry requires. After a failed VM entry, a checker made from the same "
        "rules names those that are violated."
    )
    asked = table(("Predicate", "True if"), [(code(name), text(words)) for name, words in PREDICATES.items()])
    parts = [make_group(one, subject) for one in groups.values()]
    return [
        Page("entry-checks", "Entry checks", "Reference", (*parts, "## Predicates { #predicates }", asked), lead=lead)
    ]


def make_group(group: EntryGroup, subject: Subject) -> str:
    fails = (
        f"VM-instruction error {group.error}"
        if group.error
        else f"the exit {ref('exit', group.exit)}"
        if group.exit
        else ""
    )
    words = tag(
        "p", f"{text(group.summary)} {cite(group.sections, subject)}. {'Fails with ' + fails + '.' if fails else ''}"
    )
    parts = [
        f"## {group.name.replace('_', ' ').capitalize()} {{ #{group.name} }}",
        words,
        table(
            ("Rule", "When", "Must hold", "Manual", "Declared"),
            [make_rule(one, subject) for one in group.rules],
            "dense wrap",
        ),
    ]
    if group.omitted:
        rows = [
            (code(one.name), text(one.summary), text(one.reason), cite(one.sections, subject, True))
            for one in group.omitted
        ]
        parts += [
            tag("p", "Not checked here, and why:"),
            table(("Check", "What it is", "Why not", "Manual"), rows, "dense wrap"),
        ]
    return "\n\n".join(parts)


def make_rule(rule: EntryRule, subject: Subject) -> tuple[str, ...]:
    name = heading(4, code(rule.name), rule.name) + (tag("p", text(rule.summary)) if rule.summary else "")
    return (
        name,
        breakable(code(rule.when_text)) if rule.when_text else "always",
        breakable(code(rule.text)),
        cite(rule.sections, subject, True),
        place(rule.span),
    )
