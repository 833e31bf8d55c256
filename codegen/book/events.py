"""Events: what handlers answer, whatever exit they come from."""

from __future__ import annotations

from codegen.book.markup import badge, code, heading, table, tag
from codegen.book.page import Page
from codegen.book.refs import place, ref
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Event


def make_events(subject: Subject) -> Page:
    events = sorted(subject.facts.events.values(), key=lambda one: one.name)
    lead = (
        f"{len(events)} events. A domain handles events and not exits: a second processor's facts lead its own "
        "exits to the same ones."
    )
    head = ("Event", "Payload", "Exits", *(one.name for one in subject.domains), "First declared")
    rows = [make_row(one, subject) for one in events]
    return Page("events", "Events", "Reference", (table(head, rows),), lead=lead)


def make_row(event: Event, subject: Subject) -> tuple[str, ...]:
    payload = "<br>".join(code(f"{name} : {type.name}") for name, type in event.payload)
    exits = ", ".join(ref("exit", name) for name in event.exits)
    choices = [say_choice(event, one) for one in subject.domains]
    return (heading(4, code(event.name), event.name), payload, exits, *choices, place(event.span))


def say_choice(event: Event, domain: Domain) -> str:
    """Trapped, native, or not mentioned; and its handler."""
    named = [
        (word, name)
        for word, names in (("trap", domain.trapped), ("native", domain.native))
        for name in names
        if name.text == event.name
    ]
    words = [badge(word, "good" if word == "native" else "on") for word, _ in named]
    if event.name in domain.handlers:
        words.append(tag("a", code(f"on {event.name}"), href=f"{domain.name}-handlers.html#{event.name}"))
    return " ".join(words)
