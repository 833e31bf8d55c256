"""A new VMCS: host state that is declared, and zeros in fields that a domain's controls make valid and nothing sets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codegen.check.evaluate import evaluate
from codegen.emit.c import c_number, expression, write_field
from codegen.emit.cpuid import lower_condition
from codegen.emit.files import Output, header_comment, render
from codegen.emit.headers import find_kind
from codegen.model import ir
from codegen.model.choices import Domain, HostValue, Model
from codegen.model.facts import Layout, VmcsField

READONLY = "readonly"  # the area that software does not write: SDM 25.9


@dataclass(frozen=True)
class InitView:
    """A domain's fields: those that always exist, and by condition those that exist where the processor granted it."""

    domain: str
    always: tuple[str, ...]
    granted: dict[str, list[str]]


def make_fields_init(model: Model) -> list[Output]:
    """Generate a function for each domain that initializes the current VMCS. SDM: 25.11.3"""
    kind = find_kind(model.facts)
    first = header_comment("spec/", f"Fields of a new {kind.upper()} that no declaration sets.")
    views = [make_view(model, domain) for domain in model.domains.values()]
    processor = model.facts.processor
    view = {"first": first, "processor": processor, "domains": views, "kind": kind}
    return [Output(f"{processor}/fields_init.{kind}", render(f"fields_init.{kind}.j2", **view)) for kind in ("c", "h")]


def make_view(model: Model, domain: Domain) -> InitView:
    """Sort a domain's fields by the condition under which they exist."""
    granted: dict[str, list[str]] = {}
    always = []
    for field in list_unset(model, domain):
        need = find_need(model, field)
        name = field.constant
        if evaluate(need, settle_switched(domain)).can_fail:
            granted.setdefault(expression(lower_condition(need, settle_switched(domain))), []).append(name)
        else:
            always.append(name)
    return InitView(domain.name, tuple(always), granted)


def list_unset(model: Model, domain: Domain) -> list[VmcsField]:
    """Return the fields that can exist under the domain's controls and that no declaration sets."""
    declared = list_declared(model, domain)
    return [
        one for one in model.facts.vmcs.values()
        if one.area != READONLY and one.name not in declared and evaluate(find_need(model, one), domain).can_hold
    ]


def list_declared(model: Model, domain: Domain) -> set[str | None]:
    """Return the fields that the reset state and the host's constants set."""
    constants = {one.state.field for one in model.host.values.values() if one.is_constant}
    reset = {field.field for field, _ in domain.reset}
    return constants | reset | {model.facts.state[register].shadow for register in domain.owned}


def find_need(model: Model, field: VmcsField) -> ir.Condition:
    """Return the condition under which a field exists."""
    return model.facts.field_needs.get(field.name, ir.Always(True))


def settle_switched(domain: Domain) -> Domain:
    """Return the domain with each switched control on: it is off in the word that was granted, but its field exists."""
    settings = {name: replace(one, value="on") if one.value == "switched" else one
                for name, one in domain.settings.items()}
    return replace(domain, settings=settings)


# ---- host state


def make_host_bits(model: Model) -> list[Output]:
    """Generate the bits that registers include and exclude, for code that every processor shares."""
    known = [one for one in model.host.values.values() if not one.is_constant]
    bits = [(f"HOST_{one.state.name.upper()}_{how}", name_bits(number, one.state.layout)) for one in known
            for how, number in (("INCLUDES", one.value), ("EXCLUDES", one.mask & ~one.value)) if number]
    first = header_comment("spec/host.luv", "Bits that registers have in root mode.")
    return [Output("x86/host_bits.h", render("host_bits.h.j2", first=first, bits=bits))] if model.host.values else []


def make_host(model: Model) -> list[Output]:
    """Generate a function that writes the host state that is the same on every CPU."""
    values = [one for one in model.host.values.values() if one.is_constant and one.state.field]
    fields = [write_field(model.facts.vmcs[one.state.field or ""], say_value(one)) for one in values]
    processor = model.facts.processor
    first = header_comment("spec/host.luv", "Host state that is the same on every CPU.")
    text = render("host.h.j2", first=first, processor=processor, fields=fields)
    return [Output(f"{processor}/host.h", text)] if model.host.values else []


def say_value(value: HostValue) -> str:
    """Return a constant: bits by name where the layout has one for each."""
    return name_bits(value.value, value.state.layout) if value.value else "0"


def name_bits(number: int, layout: Layout | None) -> str:
    """Return a number by the names of its bits, or as it is where some have none."""
    names = [bit for bit in layout.bits if bit.width == 1 and number & bit.mask] if layout else []
    if layout is None or sum(bit.mask for bit in names) != number:
        return c_number(number)
    return " | ".join(f"{layout.name}_{bit.name}".upper() for bit in names)
