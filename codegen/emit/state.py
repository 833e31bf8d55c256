"""Accessors of the guest's state by neutral names, so that code outside runtime/vmx names no VMCS field."""

from __future__ import annotations

from codegen.emit.files import Output, header_comment, render
from codegen.emit.needed import Needed
from codegen.model.choices import Model
from codegen.model.facts import StateField


def make_state(model: Model, needed: Needed) -> Output:
    """Return the header of those accessors that something calls: `guest_rip()`, `set_guest_rip(value)` and so on."""
    first = header_comment("spec/facts/vmx/state.luv", "The current guest's state that the processor keeps.")
    fields = [
        (one.name, f"VMCS_{one.field.upper()}", f"guest_{one.name}" in needed.c, f"set_guest_{one.name}" in needed.c)
        for one in model.facts.state.values() if one.field is not None
    ]
    return Output("vmx/state.h", render("state.h.j2", first=first, fields=fields))


def read_state(field: StateField) -> str:
    """Return C that reads a field: by its accessor, or from the registers that the exit has saved."""
    return f"guest_{field.name}()" if field.field is not None else f"cpu->guest.{field.name}"


def write_state(field: StateField, value: str) -> str:
    """Return C that writes a field."""
    return f"set_guest_{field.name}({value});" if field.field is not None else f"cpu->guest.{field.name} = {value};"
