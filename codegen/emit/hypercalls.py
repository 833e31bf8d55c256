"""Hypercalls: one declaration becomes a row of the dispatcher's table, and a row for programs of dom0."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen.emit.abi import find_port as find_port
from codegen.emit.c import c_declare, c_number, c_type
from codegen.emit.files import Output, header_comment, render
from codegen.emit.statements import statements
from codegen.model import ir
from codegen.model.choices import Domain, Hypercall, Model
from codegen.model.types import HANDLES, SCALARS, HandleType, Scalar, Type, handle_of

ARGUMENT_REGISTERS = ("rdi", "rsi", "rdx", "r10")
FULL = (1 << 64) - 1


@dataclass(frozen=True)
class HypercallView:
    """A hypercall as a row and a call; `handle`: the type that its first argument is a handle of, or nothing.

    `lines`: the body of a function, where there is more to do than call one of the runtime. `direct`: the only argument
    is the handle of a vCPU, so there is no width to check, and the call needs no row.
    """

    name: str
    doc: str
    row: str
    handle: str
    call: str
    parameters: str
    lines: tuple[str, ...]
    direct: bool


def hypercall_views(model: Model, domain: Domain) -> list[HypercallView]:
    """Return all hypercalls by number, for a domain that makes them."""
    if not has_hypercalls(domain):
        return []
    return [make_view(one) for one in sorted(model.hypercalls.values(), key=lambda one: one.number)]


def has_hypercalls(domain: Domain) -> bool:
    """Return whether a domain's VMCALLs are hypercalls; those of a guest go to its VMM."""
    return not domain.under


def make_view(call: Hypercall) -> HypercallView:
    """Return one hypercall."""
    forwarded = find_forwarded(call)
    parameters = [c_declare(type, name) for name, type in call.parameters]
    arguments = [say_argument(type, register) for (_, type), register in
                 zip(call.parameters, ARGUMENT_REGISTERS, strict=False)]
    return HypercallView(
        call.name, call.doc.summary, make_table_row(call), handle_of(call.parameters),
        f"{forwarded or f'hypercall_{call.name}'}({', '.join(['cpu', *arguments])})",
        ", ".join(["struct cpu *cpu", *parameters]), () if forwarded else make_lines(call),
        handle_of(call.parameters) == "vcpu" and len(call.parameters) == 1,
    )


def find_forwarded(call: Hypercall) -> str:
    """Return the function of the runtime that gets all arguments as they are, if the body is nothing but its call."""
    plain = tuple(ir.Local(name, type) for name, type in call.parameters)
    match call.body.statements:
        case (ir.End("return", ir.ExternCall(extern, arguments)),) if extern.takes_cpu and arguments == plain:
            return extern.name
    return ""


def say_argument(type: Type, register: str) -> str:
    """Return an argument in C: what the handle means, or the register that the row has checked."""
    if isinstance(type, HandleType):
        return type.name
    return f"r->{register}" if type == SCALARS["u64"] else f"({c_type(type)})r->{register}"


def make_table_row(call: Hypercall) -> str:
    """Return a row: who may call, the handle, and bits that no argument of its type has."""
    excess = [FULL >> type.bits << type.bits if isinstance(type, Scalar) and type.bits < 64 else 0
              for _, type in call.parameters]
    parts = [f".callers = {say_callers(call)}"]
    if handle_of(call.parameters):
        parts.append(f".handle = HANDLE_{handle_of(call.parameters).upper()}")
    parts += [f".excess[{index}] = {c_number(mask)}" for index, mask in enumerate(excess) if mask]
    return ", ".join(parts)


def say_callers(call: Hypercall) -> str:
    """Return who may call, as C has them."""
    return " | ".join(f"LUV_FROM_{one.upper()}" for one in call.callers)


def say_ways(model: Model, way: str) -> str:
    """Return those who come that way, as C has them."""
    return " | ".join(f"LUV_FROM_{one.name.upper()}" for one in model.abi.callers.values() if one.way == way) or "0"


def make_lines(call: Hypercall) -> tuple[str, ...]:
    """Return the body; parameters that it does not use are cast to void, or C complains."""
    lines = statements(call.body.statements)
    words = set(re.findall(r"\w+", "\n".join(lines)))
    unused = [name for name in ("cpu", *(name for name, _ in call.parameters)) if name not in words]
    return (*(f"    (void){name};" for name in unused), *lines)


@dataclass(frozen=True)
class CallView:
    """A call's row for programs of dom0; texts are initializers in C."""

    name: str
    callers: str
    arguments: str
    returns: str
    errors: str


def make_calls(model: Model) -> Output:
    """Generate a row for each hypercall, by number."""
    first = header_comment("spec/hypercalls.luv", "The arguments, results and errors of hypercalls, as a table.")
    calls = sorted(model.hypercalls.values(), key=lambda one: one.number)
    text = render(
        "calls.h.j2", first=first, kinds=[*HANDLES, *SCALARS], calls=[make_row(one) for one in calls],
        most_arguments=len(ARGUMENT_REGISTERS), most_errors=max((len(one.errors) for one in calls), default=0) + 1,
    )
    return Output("abi/luvalley_calls.h", text)


def make_row(call: Hypercall) -> CallView:
    """Return one row."""
    return CallView(
        call.name,
        say_callers(call),
        ", ".join(f'{{ "{name}", LUV_KIND_{type.name.upper()} }}' for name, type in call.parameters),
        call.returns.name if call.returns else "",
        ", ".join(call.errors),
    )
