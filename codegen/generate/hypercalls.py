"""Hypercalls: one declaration becomes the dispatcher's case, the C header of dom0 and the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen.generate.c_body import c_type, statements
from codegen.model.choices import Hypercall, Model

ARGUMENT_REGISTERS = ("rdi", "rsi", "rdx", "r10")
MAGIC = 0x4C555659  # "LUVY"


@dataclass(frozen=True)
class HypercallView:
    """A hypercall as a C function and a case."""

    number: int
    name: str
    doc: str
    parameters: str
    arguments: str
    guards: tuple[str, ...]
    lines: tuple[str, ...]


def hypercall_views(model: Model) -> list[HypercallView]:
    """All of them, by number."""
    return [make_view(one) for one in sorted(model.hypercalls.values(), key=lambda one: one.number)]


def make_view(call: Hypercall) -> HypercallView:
    """One of them; its arguments come from registers, checked for width."""
    pairs = list(zip(call.parameters, ARGUMENT_REGISTERS, strict=False))
    parameters = [f"{c_type(type)} {name}" for name, type in call.parameters]
    arguments = [f"({c_type(type)})cpu->guest.{register}" for (_, type), register in pairs]
    guards = [f"cpu->guest.{register} >> {type.bits}" for (_, type), register in pairs if type.bits < 64]
    return HypercallView(
        call.number, call.name, call.doc.summary, ", ".join(["struct cpu *cpu", *parameters]),
        ", ".join(["cpu", *arguments]), tuple(guards), make_lines(call),
    )


def make_lines(call: Hypercall) -> tuple[str, ...]:
    """The body; what it does not use is said to be unused, or C complains."""
    lines = statements(call.body.statements)
    words = set(re.findall(r"\w+", "\n".join(lines)))
    unused = [name for name in ("cpu", *(name for name, _ in call.parameters)) if name not in words]
    return (*(f"    (void){name};" for name in unused), *lines)
