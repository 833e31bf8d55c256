"""Hypercalls: one declaration becomes the dispatcher's case, the C header of dom0 and the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen.generate.c_body import c_declare, c_type, statements
from codegen.model.choices import Domain, Hypercall, Model
from codegen.model.facts import Port
from codegen.model.types import HandleType, Scalar

ARGUMENT_REGISTERS = ("rdi", "rsi", "rdx", "r10")
MAGIC = 0x4C555659  # "LUVY"
BY_INSTRUCTION = ("user", "owner", "secret")
BY_PORT = ("root",)


@dataclass(frozen=True)
class HypercallView:
    """A hypercall as a C function and a case; `handle`: the type that its first argument is a handle of, or nothing.

    `user` and `root`: who may come by the instruction and by the port, as C has them, or nothing.
    """

    number: int
    name: str
    doc: str
    parameters: str
    arguments: str
    guards: tuple[str, ...]
    lines: tuple[str, ...]
    handle: str
    user: str
    root: str


def hypercall_views(model: Model, domain: Domain) -> list[HypercallView]:
    """All of them, by number."""
    if not has_hypercalls(domain):
        return []
    return [make_view(one) for one in sorted(model.hypercalls.values(), key=lambda one: one.number)]


def has_hypercalls(domain: Domain) -> bool:
    """A guest's VMCALLs are its VMM's."""
    return not domain.under


def make_view(call: Hypercall) -> HypercallView:
    """One of them; its arguments come from registers, checked for width."""
    pairs = list(zip(call.parameters, ARGUMENT_REGISTERS, strict=False))
    parameters = [c_declare(type, name) for name, type in call.parameters]
    arguments = [type.name if isinstance(type, HandleType) else f"({c_type(type)})cpu->guest.{register}"
                 for (_, type), register in pairs]
    guards = [f"cpu->guest.{register} >> {type.bits}"
              for (_, type), register in pairs if isinstance(type, Scalar) and type.bits < 64]
    return HypercallView(
        call.number, call.name, call.doc.summary, ", ".join(["struct cpu *cpu", *parameters]),
        ", ".join(["cpu", *arguments]), tuple(guards), make_lines(call), handle_of(call),
        say_callers(call, BY_INSTRUCTION), say_callers(call, BY_PORT),
    )


def handle_of(call: Hypercall) -> str:
    """The type of the first parameter if that is a handle."""
    first = call.parameters[0][1] if call.parameters else None
    return first.name if isinstance(first, HandleType) else ""


def say_callers(call: Hypercall, some: tuple[str, ...]) -> str:
    """Those of `some` who may call, as C has them."""
    return " | ".join(f"CALLER_{one.upper()}" for one in call.callers if one in some)


def make_lines(call: Hypercall) -> tuple[str, ...]:
    """The body; what it does not use is said to be unused, or C complains."""
    lines = statements(call.body.statements)
    words = set(re.findall(r"\w+", "\n".join(lines)))
    unused = [name for name in ("cpu", *(name for name, _ in call.parameters)) if name not in words]
    return (*(f"    (void){name};" for name in unused), *lines)


def find_port(domain: Domain) -> Port | None:
    """The port that takes root's calls."""
    return next((rule.port for rule in domain.io.rules if rule.write.kind == "hypercalls"), None)
