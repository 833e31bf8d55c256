"""Exits: each that can happen is handled, each that is handled can happen."""

from __future__ import annotations

from codegen import errors
from codegen.check.evaluate import evaluate, explain
from codegen.diagnostics import Reporter
from codegen.model.choices import Domain, Model
from codegen.model.events import find_controls
from codegen.model.facts import Event, Exit
from codegen.source import Span

POLICY_EVENTS = {"msr_read": "msr", "msr_write": "msr", "io": "io"}


def possible_exits(event: Event, model: Model, domain: Domain) -> list[Exit]:
    """Return the exits that become this event and can happen in the domain."""
    exits = [model.facts.exits[name] for name in event.exits]
    return [one for one in exits if evaluate(one.condition, domain).can_hold]


def find_choice(event: str, model: Model, domain: Domain) -> Span | None:
    """Return where the domain sets a control that decides about an event."""
    controls = find_controls(model.facts.events[event], model.facts.exits)
    settings = [domain.settings[one] for one in controls if one in domain.settings]
    return next((one.span for one in settings if not one.event), None)


def check_natives(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report native events that cause a VM exit."""
    for name in domain.native:
        for exit in possible_exits(model.facts.events[name.text], model, domain):
            why = explain(exit.condition, domain, model.facts)
            choice = find_choice(name.text, model, domain)
            errors.native_exits(reporter, name, exit.name, why, exit.condition_span, choice)
            break


def check_traps(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report trapped events that never cause a VM exit."""
    for name in domain.trapped:
        event = model.facts.events[name.text]
        if not possible_exits(event, model, domain):
            exit = model.facts.exits[event.exits[0]]
            why = explain(exit.condition, domain, model.facts)
            errors.trap_never(reporter, name, why, exit.condition_span, find_choice(name.text, model, domain))


def check_coverage(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report exits that can happen and have no handler, and handlers of exits that cannot happen."""
    trapped = {name.text for name in domain.trapped}  # check_traps has said so already
    for event in model.facts.events.values():
        possible = possible_exits(event, model, domain)
        handler = domain.handlers.get(event.name)
        if possible and handler is None and event.name not in POLICY_EVENTS:
            why = explain(possible[0].condition, domain, model.facts)
            binder = "(e)" if event.payload else ""
            end = "forward NAME;" if domain.under else 'stop "...";'
            help = f"add to {domain.span.path}: on {event.name}{binder} {{ {end} }}"
            errors.exit_unhandled(reporter, possible[0].span, domain.name, event.name, why, help)
        elif handler is not None and not possible and event.name not in trapped:
            exit = model.facts.exits[event.exits[0]]
            why = explain(exit.condition, domain, model.facts)
            errors.exit_impossible(reporter, handler.span, domain.name, event.name, why, exit.condition_span)
