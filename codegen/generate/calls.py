"""The grammar of hypercalls as a C table: what a program that tries them all has to know."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.generate.c_lines import fold_c
from codegen.generate.hypercalls import ARGUMENT_REGISTERS
from codegen.model.choices import Hypercall, Model
from codegen.model.types import HANDLES, SCALARS
from codegen.output import Output
from codegen.render import header_comment, render
from codegen.resolve.hypercalls import EVERYONE


@dataclass(frozen=True)
class CallView:
    """A call's row; texts are initializers in C."""

    name: str
    callers: str
    arguments: str
    returns: str
    errors: str


def make_calls(model: Model) -> Output:
    """A row for each hypercall, by number."""
    first = header_comment("spec/hypercalls.luv", "What hypercalls take and give, as a table.")
    calls = sorted(model.hypercalls.values(), key=lambda one: one.number)
    text = render(
        "calls.h.j2", first=first, callers=EVERYONE, kinds=[*HANDLES, *SCALARS], calls=[make_row(one) for one in calls],
        most_arguments=len(ARGUMENT_REGISTERS), most_errors=max((len(one.errors) for one in calls), default=0) + 1,
    )
    return Output("luvalley_calls.h", fold_c(text))


def make_row(call: Hypercall) -> CallView:
    """One of them."""
    return CallView(
        call.name,
        " | ".join(f"LUV_FROM_{one.upper()}" for one in call.callers),
        ", ".join(f'{{ "{name}", LUV_KIND_{type.name.upper()} }}' for name, type in call.parameters),
        call.returns.name if call.returns else "",
        ", ".join(call.errors),
    )
