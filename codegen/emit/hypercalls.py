"""Hypercalls: one declaration becomes the dispatcher's case, dom0's header and a table of all signatures."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen.emit.c import c_declare, c_type
from codegen.emit.files import Output, fold_c, header_comment, render
from codegen.emit.headers import exit_count
from codegen.emit.statements import statements
from codegen.model.choices import EVERYONE, Domain, Hypercall, Model
from codegen.model.facts import Port
from codegen.model.types import HANDLES, SCALARS, HandleType, Scalar, handle_of

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
    """Return all hypercalls by number, for a domain that makes them."""
    if not has_hypercalls(domain):
        return []
    return [make_view(one) for one in sorted(model.hypercalls.values(), key=lambda one: one.number)]


def has_hypercalls(domain: Domain) -> bool:
    """Return whether a domain's VMCALLs are hypercalls; those of a guest go to its VMM."""
    return not domain.under


def make_view(call: Hypercall) -> HypercallView:
    """Return one hypercall; its arguments come from registers and are checked for width."""
    pairs = list(zip(call.parameters, ARGUMENT_REGISTERS, strict=False))
    parameters = [c_declare(type, name) for name, type in call.parameters]
    arguments = [type.name if isinstance(type, HandleType) else f"({c_type(type)})cpu->guest.{register}"
                 for (_, type), register in pairs]
    guards = [f"cpu->guest.{register} >> {type.bits}"
              for (_, type), register in pairs if isinstance(type, Scalar) and type.bits < 64]
    return HypercallView(
        call.number, call.name, call.doc.summary, ", ".join(["struct cpu *cpu", *parameters]),
        ", ".join(["cpu", *arguments]), tuple(guards), make_lines(call), handle_of(call.parameters),
        say_callers(call, BY_INSTRUCTION), say_callers(call, BY_PORT),
    )


def say_callers(call: Hypercall, some: tuple[str, ...]) -> str:
    """Return those of `some` who may call, as C has them."""
    return " | ".join(f"CALLER_{one.upper()}" for one in call.callers if one in some)


def make_lines(call: Hypercall) -> tuple[str, ...]:
    """Return the body; parameters that it does not use are cast to void, or C complains."""
    lines = statements(call.body.statements)
    words = set(re.findall(r"\w+", "\n".join(lines)))
    unused = [name for name in ("cpu", *(name for name, _ in call.parameters)) if name not in words]
    return (*(f"    (void){name};" for name in unused), *lines)


def find_port(domain: Domain) -> Port | None:
    """Return the port that takes root's calls."""
    return next((rule.port for rule in domain.io.rules if rule.write.kind == "hypercalls"), None)


def make_abi(model: Model) -> Output:
    """Generate the hypercalls as programs of dom0 include them."""
    first = header_comment("spec/hypercalls.luv", "Hypercalls as dom0 sees them.")
    names = [""] * exit_count(model.facts)
    for exit in model.facts.exits.values():
        names[exit.number] = exit.name
    calls = sorted(model.hypercalls.values(), key=lambda one: one.number)
    errnos = sorted(model.errnos.values(), key=lambda one: one.number)
    forwards = sorted(model.facts.forwards.values(), key=lambda one: one.number)
    ports = [port for domain in model.domains.values() if (port := find_port(domain))]
    view = {"first": first, "magic": f"{MAGIC:#x}u", "calls": calls, "names": names, "errnos": errnos,
            "forwards": forwards, "port": f"{ports[0].first:#x}" if ports else ""}
    return Output("abi/luvalley_abi.h", fold_c(render("abi.h.j2", **view)))


@dataclass(frozen=True)
class CallView:
    """A call's row; texts are initializers in C."""

    name: str
    callers: str
    arguments: str
    returns: str
    errors: str


def make_calls(model: Model) -> Output:
    """Generate a row for each hypercall, by number."""
    first = header_comment("spec/hypercalls.luv", "What hypercalls take and give, as a table.")
    calls = sorted(model.hypercalls.values(), key=lambda one: one.number)
    text = render(
        "calls.h.j2", first=first, callers=EVERYONE, kinds=[*HANDLES, *SCALARS], calls=[make_row(one) for one in calls],
        most_arguments=len(ARGUMENT_REGISTERS), most_errors=max((len(one.errors) for one in calls), default=0) + 1,
    )
    return Output("abi/luvalley_calls.h", fold_c(text))


def make_row(call: Hypercall) -> CallView:
    """Return one row."""
    return CallView(
        call.name,
        " | ".join(f"LUV_FROM_{one.upper()}" for one in call.callers),
        ", ".join(f'{{ "{name}", LUV_KIND_{type.name.upper()} }}' for name, type in call.parameters),
        call.returns.name if call.returns else "",
        ", ".join(call.errors),
    )
