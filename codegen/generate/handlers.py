"""A domain's exits in C: from the exit to its event, from the event to its handler."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.checks.evaluate import evaluate
from codegen.generate.c_body import c_type, expression, payload_used, statements
from codegen.generate.cpuid import make_views
from codegen.generate.hypercalls import hypercall_views
from codegen.generate.msr_switch import action_lines, case_lines, io_lines
from codegen.model.choices import Domain, Handler, Model
from codegen.model.facts import Arm, Exit
from codegen.model.ir import Expression
from codegen.output import Output
from codegen.render import header_comment, render

POLICY_EVENTS = ("msr_read", "msr_write", "io")


@dataclass(frozen=True)
class ArmView:
    """`test` is empty for the last arm; `arguments` are the payload that its handler reads."""

    test: str
    call: str


@dataclass(frozen=True)
class ExitView:
    number: int
    name: str
    doc: str
    arms: tuple[ArmView, ...]


@dataclass(frozen=True)
class HandlerView:
    event: str
    doc: str
    parameters: str
    lines: tuple[str, ...]


def possible_exits(model: Model, domain: Domain) -> list[Exit]:
    return [one for one in model.facts.exits.values() if one.arms and evaluate(one.condition, domain).can_hold]


def make_handlers(model: Model, domain: Domain) -> Output:
    first = header_comment(f"spec/{domain.name}.luv", f"What {domain.name} does at each exit.")
    leaves, _ = make_views(domain)
    text = render(
        "handlers.c.j2", first=first, name=domain.name, leaves=leaves, own=domain.cpuid.own,
        handlers=[make_handler(one, model) for one in domain.handlers.values()],
        exits=[make_exit(one, model, domain) for one in possible_exits(model, domain)],
        read_cases=case_lines(domain.msr.read, "read"), write_cases=case_lines(domain.msr.write, "write"),
        read_default=action_lines(domain.msr.default_read, "read"),
        write_default=action_lines(domain.msr.default_write, "write"),
        io_cases=io_lines(domain.io), hypercalls=hypercall_views(model),
    )
    return Output(f"{domain.name}_handlers.c", text)


def make_handler(handler: Handler, model: Model) -> HandlerView:
    used = payload_used(handler.body)
    payload = model.facts.events[handler.event].payload
    parameters = [f"{c_type(type)} {name}" for name, type in payload if name in used]
    return HandlerView(
        handler.event, handler.doc.summary, ", ".join(["struct cpu *cpu", *parameters]),
        tuple(statements(handler.body.statements)),
    )


def make_exit(exit: Exit, model: Model, domain: Domain) -> ExitView:
    return ExitView(exit.number, exit.name, exit.doc.summary, tuple(make_arm(arm, model, domain) for arm in exit.arms))


def make_arm(arm: Arm, model: Model, domain: Domain) -> ArmView:
    test = expression(arm.where) if arm.where is not None else ""
    payload: dict[str, Expression] = dict(arm.payload)
    if arm.event in POLICY_EVENTS and arm.event not in domain.handlers:
        arguments = [expression(value) for value in payload.values()]
    else:
        used = payload_used(domain.handlers[arm.event].body)
        arguments = [expression(value) for name, value in payload.items() if name in used]
    return ArmView(test, f"on_{arm.event}({', '.join(['cpu', *arguments])});")
