"""The exit stub and its table in NASM: saves what C may clobber, and no more."""

from __future__ import annotations

from codegen.generate.constants import exit_count
from codegen.generate.handlers import policy_bodies, possible_exits
from codegen.model.choices import Domain, Model
from codegen.output import Output
from codegen.render import header_comment, render

LEAN = ("rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11")
REST = ("rbp", "r12", "r13", "r14", "r15")
SLOT = 8
RING = 256  # exits that a CPU remembers


def make_exit_path(model: Model, domain: Domain) -> Output:
    """C keeps rbx, rbp and r12-r15 for its caller; rbx is in the frame since CPUID answers in it."""
    sources = f"spec/{domain.name}.luv, spec/facts/vmx/exits.luv"
    first = header_comment(sources, f"The way out of {domain.name} and back in.")
    count = exit_count(model.facts)
    possible = {one.number: one.name for one in possible_exits(model, domain)}
    table = [possible.get(number, "") for number in range(count)]
    offsets = {register: index * SLOT for index, register in enumerate((*LEAN, *REST))}
    lean = lean_exits(model, domain)
    counts = len(offsets) * SLOT
    ring = counts + count * SLOT
    text = render(
        "exit.asm.j2", first=first, name=domain.name, lean=LEAN, rest=REST, offsets=offsets, table=table,
        counts=counts, ring=ring, index=ring + RING,
        full=[one for one in possible.values() if one not in lean],
    )
    return Output(f"{domain.name}_exit.asm", text)


def lean_exits(model: Model, domain: Domain) -> set[str]:
    """Exits whose handlers have no use for rbp and r12-r15, nor a dump that would show them."""
    return {one.name for one in possible_exits(model, domain) if all(is_lean(arm.event, domain) for arm in one.arms)}


def is_lean(event: str, domain: Domain) -> bool:
    """An I/O exit may stop at a string instruction, so it is not."""
    if event in domain.handlers:
        return not touches_rest(domain.handlers[event].body.statements)
    bodies = policy_bodies(event, domain)
    return event != "io" and not any(touches_rest(body.statements) for body in bodies)


def touches_rest(node: object) -> bool:
    """Anything below that needs the registers which C preserves: by name, in an extern with the CPU, in a dump."""
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
