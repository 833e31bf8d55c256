"""Structs and prototypes of what bodies call, so that the runtime's C is held against the spec by the compiler."""

from __future__ import annotations

from codegen.generate.c_body import c_declare, c_type
from codegen.model.choices import Extern, Model
from codegen.model.types import HandleType
from codegen.output import Output
from codegen.render import header_comment, render


def make_externs(model: Model) -> list[Output]:
    """structs.h has no dependencies; externs.h declares those functions that are given the CPU."""
    first = header_comment("spec/runtime.luv", "Structs that bodies share with the runtime.")
    structs = [(one.name, [(field, c_type(type)) for field, type in one.fields]) for one in model.structs.values()]
    calls = [(one.doc.summary, prototype(one)) for one in model.externs.values() if one.takes_cpu]
    types = {type for one in model.externs.values() for _, type in one.parameters if isinstance(type, HandleType)}
    handles = sorted(one.name for one in types)
    second = header_comment("spec/runtime.luv", "Functions of the runtime that bodies call.")
    return [
        Output("structs.h", render("structs.h.j2", first=first, structs=structs)),
        Output("externs.h", render("externs.h.j2", first=second, calls=calls, handles=handles)),
    ]


def prototype(extern: Extern) -> str:
    """An extern's declaration in C."""
    returns = c_type(extern.returns) if extern.returns else "void"
    parameters = ["struct cpu *cpu", *(c_declare(type, name) for name, type in extern.parameters)]
    return f"{returns} {extern.name}({', '.join(parameters)});"
