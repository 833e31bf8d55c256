"""A domain's exits: from the NASM stub to the exit, from the exit to its event, from the event to its handler."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from codegen.check.evaluate import evaluate
from codegen.emit.c import c_declare, read_state, truth, write_state
from codegen.emit.cpuid import make_cpuid
from codegen.emit.files import Output, header_comment, render
from codegen.emit.headers import find_kind, place_exits
from codegen.emit.hypercalls import find_port, hypercall_views, say_ways
from codegen.emit.policies import action_lines, case_lines, default_lines, io_lines, number_rules, port_lines, unwrap
from codegen.emit.statements import declare, payload_used, statements, without_last_return
from codegen.model.choices import Body, Domain, Handler, Model
from codegen.model.facts import Alternative, Exit
from codegen.model.ir import Constant, End, Statement

# Events that tables of the domain answer, and the payload that their generated function always takes.
POLICY_EVENTS = {"msr_read": ("msr",), "msr_write": ("msr", "value"), "io": ("port", "size", "input", "string")}
GUEST_EVENTS = {"msr_read": ("msr",), "msr_write": ("msr",), "io": ("input",)}

LEAN = ("rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11")
REST = ("rbp", "r12", "r13", "r14", "r15")
ERROR = "-(u64)answer.error"  # what a hypercall leaves in RAX
WORD = re.compile(r"\w+")
VMREAD = re.compile(r"\bvmread\(VMCS_(\w+)\)")
RING = 256  # exits that a CPU remembers
WHOLE = 0xFFFFFFFF  # exit codes are compared in 32 bits: some emulators do not extend the sign
RESUME = 0xFFFFFFFF  # an outcome that is no reason for exits to the VMM
# Registers of a guest in its run page, in that order but for RDI, by which the page is addressed.
RUN_REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi")


@dataclass(frozen=True)
class AlternativeView:
    """`test` is empty for the last alternative; `lines` make the payload that its handler reads, and call it."""

    test: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ExitView:
    """An exit and the events that it becomes."""

    number: int
    name: str
    doc: str
    alternatives: tuple[AlternativeView, ...]


@dataclass(frozen=True)
class HandlerView:
    """A handler as a C function."""

    event: str
    doc: str
    parameters: str
    lines: tuple[str, ...]


def possible_exits(model: Model, domain: Domain) -> list[Exit]:
    """Return the exits that can happen in the domain."""
    return [one for one in model.facts.exits.values() if one.alternatives and evaluate(one.condition, domain).can_hold]


def make_handlers(model: Model, domain: Domain) -> Output:
    """Generate the domain's handlers, tables and exits."""
    processor = model.facts.processor
    view = {"name": domain.name, "processor": processor, **view_policies(model, domain)}
    view["first"] = header_comment(f"spec/{domain.name}.luv", f"What {domain.name} does at each exit.")
    exits = possible_exits(model, domain)
    handled = [one for one in exits if not find_reflected(one, domain)]
    view["events"] = events = {arm.event for one in handled for arm in one.alternatives}
    shared = [one for one in events & set(domain.handlers) if not find_only_exit(one, model, domain)]
    view["handlers"] = [make_handler(one, model) for one in domain.handlers.values() if one.event in shared]
    view["exits"] = [make_exit(one, model, domain) for one in exits]
    view["asks_controls"] = "granted(" in repr(view)
    if domain.under:
        return Output(f"{processor}/{domain.name}_handlers.c", render("guest_handlers.c.j2", **view))
    calls = hypercall_views(model, domain)
    view |= {"cpuid": make_cpuid(model, domain), "own": domain.cpuid.own}
    view |= {"io_cases": io_lines(domain.io), "hypercalls": calls, **number_rules(domain.io)}
    view["io_value"] = any("value" in payload_used(body) for body in policy_bodies("io", domain))
    handles = [one for one in ("", "domain", "vcpu") if any(call.handle == one for call in calls)]
    view |= {"handles": handles, "has_handles": any(handles), "root_port": find_port(domain)}
    rax = model.facts.state.get("rax")
    view |= {"rax": read_state(rax) if rax else "cpu->guest.rax"}
    view |= {"answer_rax": write_state(rax, ERROR) if rax else f"cpu->guest.rax = {ERROR};"}
    view |= {"by_token": any("token" in one.callers for one in model.hypercalls.values())}
    view |= {"by_vmcall": say_ways(model, "vmcall"), "by_port": say_ways(model, "port")}
    view["port_before"] = port_lines(domain.io)
    return Output(f"{processor}/{domain.name}_handlers.c", render("handlers.c.j2", **view))


def find_only_exit(event: str, model: Model, domain: Domain) -> str:
    """Return the exit that alone raises an event, and no other one: the handler is that exit's function."""
    raising = [one for one in possible_exits(model, domain) if event in {arm.event for arm in one.alternatives}]
    return raising[0].name if len(raising) == 1 and len(raising[0].alternatives) == 1 else ""


def find_reflected(exit: Exit, domain: Domain) -> str:
    """Return the reason that the VMM gets, where an exit's one event does nothing else; empty where more happens."""
    if not domain.under or len(exit.alternatives) > 1 or domain.before_alternatives.get((exit.name, 0)):
        return ""
    event = exit.alternatives[0].event
    bodies = [domain.handlers[event].body] if event in domain.handlers else policy_bodies(event, domain)
    ends = {find_forward(body) for body in bodies}
    return ends.pop() if len(ends) == 1 else ""


def find_forward(body: Body) -> str:
    """Return the reason under which a body forwards, if that is all it does."""
    match body.statements:
        case (End("forward", Constant(name=name)),):
            return name.upper()
    return ""


def view_policies(model: Model, domain: Domain) -> dict[str, Any]:
    """Return what the templates need of the policies."""
    return {
        "parameters": {event: policy_parameters(event, model, domain) for event in POLICY_EVENTS},
        "read_cases": case_lines(domain.msr.read, domain.msr.default_read, "read", domain.bitmaps["msr"]),
        "write_cases": case_lines(domain.msr.write, domain.msr.default_write, "write", domain.bitmaps["msr"]),
        "read_default": without_last_return(unwrap(action_lines(domain.msr.default_read, "read"))),
        "write_default": without_last_return(unwrap(action_lines(domain.msr.default_write, "write"))),
        "io_default": without_last_return(default_lines(domain.io)),
    }


def make_handler(handler: Handler, model: Model) -> HandlerView:
    """Return a handler's function; its parameters are what it reads."""
    used = payload_used(handler.body)
    payload = model.facts.events[handler.event].payload
    parameters = [c_declare(type, name) for name, type in payload if name in used]
    lines = without_last_return(statements(handler.body.statements))
    if not any("cpu" in line for line in lines):
        lines = ["    (void)cpu;", *lines]
    return HandlerView(handler.event, handler.doc.summary, ", ".join(["struct cpu *cpu", *parameters]), tuple(lines))


def make_exit(exit: Exit, model: Model, domain: Domain) -> ExitView:
    """Return an exit's function, documented by the fact and by the handler that it holds."""
    handler = domain.handlers.get(exit.alternatives[0].event)
    inside = handler is not None and find_only_exit(handler.event, model, domain)
    doc = " ".join(filter(None, (exit.doc.summary, handler.doc.summary if handler and inside else "")))
    if reason := find_reflected(exit, domain):
        return ExitView(exit.number, exit.name, doc, (AlternativeView("", (f"exit_to_vmm(cpu, LUV_EXIT_{reason});",)),))
    alternatives = tuple(make_alternatives(exit, model, domain))
    if not any("cpu" in line for one in alternatives for line in one.lines):
        alternatives = (replace(alternatives[0], lines=("(void)cpu;", *alternatives[0].lines)),)
    return ExitView(exit.number, exit.name, doc, alternatives)


def wanted_payload(event: str, domain: Domain) -> set[str]:
    """Return the payload that the handler takes: what it reads; for a table, what every rule may need."""
    if event in domain.handlers:
        return payload_used(domain.handlers[event].body)
    always = GUEST_EVENTS if domain.under else POLICY_EVENTS
    return set(always[event]) | {name for body in policy_bodies(event, domain) for name in payload_used(body)}


def policy_bodies(event: str, domain: Domain) -> list[Body]:
    """Return the bodies of a policy's rules, and of its defaults."""
    if event == "io":
        actions = [action for rule in domain.io.rules for action in (rule.read, rule.write)]
        actions += [domain.io.default_read, domain.io.default_write]
    else:
        rules = domain.msr.read if event == "msr_read" else domain.msr.write
        default = domain.msr.default_read if event == "msr_read" else domain.msr.default_write
        actions = [*(rule.action for rule in rules), default]
    return [action.body for action in actions if action.body is not None]


def policy_parameters(event: str, model: Model, domain: Domain) -> str:
    """Return the parameters of a policy's function."""
    wanted = wanted_payload(event, domain)
    known = model.facts.events[event].payload if event in model.facts.events else ()
    return ", ".join(["struct cpu *cpu", *(c_declare(type, name) for name, type in known if name in wanted)])


def make_alternatives(exit: Exit, model: Model, domain: Domain) -> list[AlternativeView]:
    """Return the events of an exit."""
    before = [domain.before_alternatives.get((exit.name, index), ()) for index in range(len(exit.alternatives))]
    return [make_alternative(one, model, domain, first) for one, first in zip(exit.alternatives, before, strict=True)]


def make_alternative(
    alternative: Alternative, model: Model, domain: Domain, before: tuple[Statement, ...],
) -> AlternativeView:
    """Return one event: its test, its payload, and its handler, or the call of one that several exits share."""
    test = truth(alternative.where) if alternative.where is not None else ""
    wanted = wanted_payload(alternative.event, domain)
    payload = [(name, value) for name, value in alternative.payload if name in wanted]
    call = [f"on_{alternative.event}({', '.join(['cpu', *(name for name, _ in payload)])});"]
    if alternative.event in domain.handlers and find_only_exit(alternative.event, model, domain):
        call = without_last_return(statements(domain.handlers[alternative.event].body.statements, 0))
    made = read_once([declare(name, value) for name, value in payload], set(WORD.findall("\n".join(call))))
    return AlternativeView(test, (*statements(before, 0), *made, *call))


def read_once(lines: list[str], used: set[str]) -> list[str]:
    """Return lines that read each VMCS field once: one that several times is read goes into a variable first.

    `used`: words of the lines after these, so that the variable has another name.
    """
    reads = [field for line in lines for field in VMREAD.findall(line)]
    for field in dict.fromkeys(one for one in reads if reads.count(one) > 1):
        name = field.lower().removeprefix("exit_")
        name = name if name not in used else f"{name}_{len(used)}"
        lines = [line.replace(f"vmread(VMCS_{field})", name) for line in lines]
        lines.insert(0, f"u64 {name} = vmread(VMCS_{field});")
    return lines


@dataclass(frozen=True)
class PathView:
    """A domain on the exit path: its exits by place, whether each one's handler is lean, and how many places it has."""

    name: str
    exits: tuple[tuple[str, bool, int], ...]


def make_exit_path(model: Model) -> Output:
    """Generate the stubs. C keeps rbx, rbp and r12-r15; dom0's rbx is saved all the same since CPUID returns in it."""
    processor = model.facts.processor
    domains = model.domains.values()
    names = ", ".join(f"spec/{one.name}.luv" for one in domains)
    sources = f"{names}, spec/facts/{processor}/exits.luv"
    first = header_comment(sources, "The way out of each kind of domain and back in.")
    owners = [view_path(model, one) for one in domains if not one.under]
    guests = [view_path(model, one) for one in domains if one.under]
    lean, rest, run = (list_saved(some, model) for some in (LEAN, REST, RUN_REGISTERS))
    view = {"first": first, "processor": processor, "owners": owners, "guests": guests,
            "lean": lean, "rest": rest, "guest_registers": run, **view_places(model)}
    template = "exits.asm.j2" if find_kind(model.facts) == "vmcs" else "exits_vmcb.asm.j2"
    return Output(f"{processor}/exits.asm", render(template, **view))


def list_saved(registers: Iterable[str], model: Model) -> tuple[str, ...]:
    """Return those registers that the processor does not keep in a field."""
    kept = {one.name for one in model.facts.state.values() if one.field is not None}
    return tuple(one for one in registers if one not in kept)


def view_places(model: Model) -> dict[str, Any]:
    """Return how many exit codes are their own place, and the codes that are not: name, first number, how many."""
    placed = place_exits(model.facts)
    own = [one for one, place in placed if place == one.number]
    far = [(one.name, one.number & WHOLE, one.last - one.number + 1) for one, place in placed if place != one.number]
    return {"low": max((one.last for one in own), default=-1) + 1, "far": far}


def view_path(model: Model, domain: Domain) -> PathView:
    """Return a domain's rows of the table."""
    lean = lean_exits(model, domain)
    possible = {one.name for one in possible_exits(model, domain)}
    exits = [one for one, _ in sorted(place_exits(model.facts), key=lambda pair: pair[1]) if one.name in possible]
    return PathView(domain.name, tuple((one.name, one.name in lean, one.last - one.number + 1) for one in exits))


def make_registers(model: Model) -> list[Output]:
    """Generate the register file, and what else the stub knows of struct cpu, for C and for assembly."""
    first = header_comment("the list in codegen/emit/exits.py", "Where VM exits save the guest's registers.")
    processor = model.facts.processor
    view = {"first": first, "processor": processor, "registers": list_saved((*LEAN, *REST), model), "ring": RING,
            "resume": RESUME, "kind": find_kind(model.facts)}
    return [Output(f"{processor}/registers.{kind}", render(f"registers.{kind}.j2", **view)) for kind in ("h", "inc")]


def lean_exits(model: Model, domain: Domain) -> set[str]:
    """Return the exits whose handlers need neither rbp and r12-r15 nor a dump that would show them.

    Handlers of a domain under a VMM find no register at all, so it is those that are only reflected.
    """
    exits = possible_exits(model, domain)
    if domain.under:
        return {exit.name for exit in exits if find_reflected(exit, domain)}
    return {exit.name for exit in exits if all(is_lean(one.event, domain) for one in exit.alternatives)}


def is_lean(event: str, domain: Domain) -> bool:
    """Return whether an event needs no preserved registers; I/O may panic at a string instruction, so it does."""
    if event in domain.handlers:
        return not touches_rest(domain.handlers[event].body.statements)
    bodies = policy_bodies(event, domain)
    return event != "io" and not any(touches_rest(body.statements) for body in bodies)


def touches_rest(node: object) -> bool:
    """Return whether anything below uses registers that C preserves: by name, in an extern with the CPU, in a dump."""
    name = type(node).__name__
    if name == "End" and getattr(node, "kind", "") == "stop":
        return True
    if name == "StateField":
        return getattr(node, "name", "") in REST
    if name == "Extern":
        return bool(getattr(node, "takes_cpu", False))
    if isinstance(node, tuple):
        return any(touches_rest(one) for one in node)
    fields = getattr(node, "__dataclass_fields__", {})
    return any(touches_rest(getattr(node, field)) for field in fields if field not in ("span", "doc", "type"))
