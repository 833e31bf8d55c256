"""Host state in C: bits of control registers for code that every processor shares, and what goes into the VMCS once."""

from __future__ import annotations

from codegen.emit.c import c_number
from codegen.emit.files import Output, header_comment, render
from codegen.model.choices import Model
from codegen.model.facts import Layout
from codegen.model.host import HostValue


def make_host(model: Model) -> list[Output]:
    """Generate the bits that registers include and exclude, and a function that writes constants."""
    values = model.host.values.values()
    if not values:
        return []
    known = [one for one in values if not one.is_constant]
    bits = [(f"HOST_{one.state.name.upper()}_{how}", name_bits(number, one.state.layout)) for one in known
            for how, number in (("INCLUDES", one.value), ("EXCLUDES", one.mask & ~one.value)) if number]
    fields = [(f"VMCS_{(one.state.field or '').upper()}", say_value(one)) for one in values if one.is_constant]
    first = [header_comment("spec/host.luv", what) for what in
             ("Bits that registers have in root mode.", "Host state that is the same on every CPU.")]
    return [
        Output("x86/host_bits.h", render("host_bits.h.j2", first=first[0], bits=bits)),
        Output("vmx/host.h", render("host.h.j2", first=first[1], fields=fields)),
    ]


def say_value(value: HostValue) -> str:
    """Return a constant: bits by name where the layout has one for each."""
    return name_bits(value.value, value.state.layout) if value.value else "0"


def name_bits(number: int, layout: Layout | None) -> str:
    """Return a number by the names of its bits, or as it is where some have none."""
    names = [bit for bit in layout.bits if bit.width == 1 and number & bit.mask] if layout else []
    if layout is None or sum(bit.mask for bit in names) != number:
        return c_number(number)
    return " | ".join(f"{layout.name}_{bit.name}".upper() for bit in names)
