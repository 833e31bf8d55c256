"""A domain's exits in C: from the exit to its event, from the event to its handler."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.checks.evaluate import evaluate
from codegen.generate.c_body import c_type, expression, payload_used, statements
from codegen.generate.c_lines import fold_c
from codegen.generate.cpuid import make_views
from codegen.generate.hypercalls import hypercall_views
from codegen.generate.msr_switch import action_lines, case_lines, io_lines
from codegen.model.choices import Body, Domain, Handler, Model
from codegen.model.facts import Arm, Exit
from codegen.model.ir import Statement
from codegen.output import Output
from codegen.render import header_comment, render

# Events that tables of the domain answer, and the payload that their generated function always takes.
POLICY_EVENTS = {"msr_read": ("msr",), "msr_write": ("msr", "value"), "io": ("port", "size", "input", "string")}


@dataclass(frozen=True)
class ArmView:
    """`test` is empty for the last arm; `lines` make the payload that its handler reads, and call it."""

    test: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ExitView:
    """An exit and the events that it becomes."""

    number: int
    name: str
    doc: str
    arms: tuple[ArmView, ...]


@dataclass(frozen=True)
class HandlerView:
    """A handler as a C function."""

    event: str
    doc: str
    parameters: str
    lines: tuple[str, ...]


def possible_exits(model: Model, domain: Domain) -> list[Exit]:
    """The exits that can happen in the domain."""
    return [one for one in model.facts.exits.values() if one.arms and evaluate(one.condition, domain).can_hold]


def make_handlers(model: Model, domain: Domain) -> Output:
    """The domain's handlers, tables and exits as C."""
    first = header_comment(f"spec/{domain.name}.luv", f"What {domain.name} does at each exit.")
    leaves, _ = make_views(domain)
    text = render(
        "handlers.c.j2", first=first, name=domain.name, leaves=leaves, own=domain.cpuid.own,
        handlers=[make_handler(one, model) for one in domain.handlers.values()],
        exits=[make_exit(one, model, domain) for one in possible_exits(model, domain)],
        read_cases=case_lines(domain.msr.read, "read"), write_cases=case_lines(domain.msr.write, "write"),
        read_default=action_lines(domain.msr.default_read, "read"),
        write_default=action_lines(domain.msr.default_write, "write"),
        parameters={event: policy_parameters(event, model, domain) for event in POLICY_EVENTS},
        io_cases=io_lines(domain.io), hypercalls=hypercall_views(model),
    )
    return Output(f"{domain.name}_handlers.c", fold_c(text))


def make_handler(handler: Handler, model: Model) -> HandlerView:
    """A handler; its parameters are what it reads."""
    used = payload_used(handler.body)
    payload = model.facts.events[handler.event].payload
    parameters = [f"{c_type(type)} {name}" for name, type in payload if name in used]
    lines = statements(handler.body.statements)
    if not any("cpu" in line for line in lines):
        lines = ["    (void)cpu;", *lines]
    return HandlerView(handler.event, handler.doc.summary, ", ".join(["struct cpu *cpu", *parameters]), tuple(lines))


def make_exit(exit: Exit, model: Model, domain: Domain) -> ExitView:
    """An exit's function."""
    return ExitView(exit.number, exit.name, exit.doc.summary, tuple(make_arms(exit, domain)))


def wanted_payload(event: str, domain: Domain) -> set[str]:
    """Names of the payload that the event's handler takes: what it reads, and for a table what every rule may need."""
    if event in domain.handlers:
        return payload_used(domain.handlers[event].body)
    return set(POLICY_EVENTS[event]) | {name for body in policy_bodies(event, domain) for name in payload_used(body)}


def policy_bodies(event: str, domain: Domain) -> list[Body]:
    """The bodies of a policy's rules."""
    if event == "io":
        actions = [action for rule in domain.io.rules for action in (rule.read, rule.write)]
    else:
        rules = domain.msr.read if event == "msr_read" else domain.msr.write
        actions = [rule.action for rule in rules]
    return [action.body for action in actions if action.body is not None]


def policy_parameters(event: str, model: Model, domain: Domain) -> str:
    """The parameters of a policy's function."""
    wanted = wanted_payload(event, domain)
    known = model.facts.events[event].payload if event in model.facts.events else ()
    return ", ".join(["struct cpu *cpu", *(f"{c_type(type)} {name}" for name, type in known if name in wanted)])


def make_arms(exit: Exit, domain: Domain) -> list[ArmView]:
    """The events of an exit."""
    before = [domain.before_arms.get((exit.name, index), ()) for index in range(len(exit.arms))]
    return [make_arm(arm, domain, first) for arm, first in zip(exit.arms, before, strict=True)]


def make_arm(arm: Arm, domain: Domain, before: tuple[Statement, ...]) -> ArmView:
    """One event: its test and its call."""
    test = expression(arm.where) if arm.where is not None else ""
    wanted = wanted_payload(arm.event, domain)
    payload = [(name, value) for name, value in arm.payload if name in wanted]
    made = [f"{c_type(value.type)} {name} = {expression(value)};" for name, value in payload]
    call = f"on_{arm.event}({', '.join(['cpu', *(name for name, _ in payload)])});"
    return ArmView(test, (*statements(before, 0), *made, call))
