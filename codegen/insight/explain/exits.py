"""Exits and events."""

from __future__ import annotations

from codegen.insight.explain.context import Context
from codegen.insight.explain.find import find_named, read_number, unknown
from codegen.insight.explain.page import Page, shorten
from codegen.insight.ledger import Row
from codegen.insight.words import say_condition, say_list, say_place
from codegen.model.choices import Domain
from codegen.model.facts import Exit


def explain_exit(word: str, context: Context) -> Page:
    """A basic exit reason, by number or name."""
    number = read_number(word)
    exits = context.facts.exits
    if number is None:
        return explain_known_exit(find_named(word, "exit", exits), context)
    found = next((one for one in exits.values() if one.number == number), None)
    if found is not None:
        return explain_known_exit(found, context)
    if number not in context.facts.reserved_exits:
        raise unknown(word, f"exit reason of 0 to {max((one.number for one in exits.values()), default=0)}", ())
    fact = context.quote(context.facts.reserved_exits[number])
    return Page(f"exit {number}: reserved by the manual's edition {context.facts.edition}", fact, tests=["no exit"])


def explain_known_exit(exit: Exit, context: Context) -> Page:
    """Its condition and length, what each domain makes of it."""
    page = Page(f"exit {exit.number}: {exit.name}, {say_condition(exit.condition)}")
    page.fact = [*shorten(context.quote(exit.span), 8), *context.cite(exit.span)]
    for domain in context.domains:
        row = context.ledgers[domain.name].rows[exit.number]
        page.choice += say_row(row, domain)
        if row.answers:
            page.code += quote_exit(exit, domain, context)
        for answer in dict.fromkeys(row.answers):
            page.code += context.quote_function(f"on_{answer.event}", f"{domain.name}_handlers.c")
        page.tests += context.taken_exit(domain.name, exit.number)
    plain = rf"\b{exit.name}\b" if "_" in exit.name else rf"[\"'`]{exit.name}\b"
    page.tests += context.find_tests(rf"\bEXIT_REASON_{exit.name}\b", rf"exits? {exit.name}\b", plain)
    return page


def quote_exit(exit: Exit, domain: Domain, context: Context) -> list[str]:
    """The exit's function, and where it is entered into the table."""
    handlers = f"{domain.name}_handlers.c"
    if domain.under:
        function = context.quote_function(f"exit_{exit.name}", handlers)
        return function + context.grep_code(rf"^ *\[{exit.number}\] = ", [handlers])
    function = context.quote_function(f"{domain.name}_exit_{exit.name}", handlers)
    return function + context.grep_code(rf"dq \w*_{exit.name}\b", [f"{domain.name}_exit.asm"])


def say_row(row: Row, domain: Domain) -> list[str]:
    """A row of the ledger, and why."""
    why = [f"  {one.text}" + (f" ({say_place(one.span)})" if one.is_choice else "") for one in row.reasons]
    answers = [
        f"  {one.event}: {one.by} at {say_place(one.span)} ends in {say_list(one.outcomes)}"
        for one in dict.fromkeys(row.answers)
    ]
    return [f"{domain.name}: {row.status}", *why, *answers]


def explain_event(word: str, context: Context) -> Page:
    """An event: its payload, the exits that become it, its handler in each domain."""
    event = find_named(word, "event", context.facts.events)
    payload = ", ".join(f"{name} : {type.name}" for name, type in event.payload) or "no payload"
    page = Page(f"event {event.name}: {payload}")
    page.fact = [f"from exit{'s' if len(event.exits) > 1 else ''} {say_list(event.exits)}"]
    page.fact += [*context.quote(context.facts.exits[event.exits[0]].span), *context.cite(event.span)]
    for domain in context.domains:
        ledger, exits = context.ledgers[domain.name], [context.facts.exits[name] for name in dict.fromkeys(event.exits)]
        rows = [ledger.rows[exit.number] for exit in exits]
        page.choice += [f"{domain.name}:"]
        page.choice += [f"  exit {row.name}: {row.status}" for row in rows]
        handler = domain.handlers.get(event.name)
        if handler:
            page.choice += [f"  {line}" for line in shorten(context.quote(handler.span), 12)]
        page.code += context.quote_function(f"on_{event.name}", f"{domain.name}_handlers.c")
        page.tests += context.taken_arms(f"{domain.name} on {event.name}")
    page.tests += context.find_tests(rf"\bon {event.name}\b", rf"[\"'`]{event.name}\b")
    return page
