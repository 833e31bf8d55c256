"""What names mean at a place, and whether a value fits there. A literal takes the type of what it meets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.language.choices import Define
from codegen.model import ir
from codegen.model.abi import Abi
from codegen.model.choices import Extern, Region
from codegen.model.facts import Doc, Facts, Layout
from codegen.model.types import BOOL, Scalar, StructType
from codegen.source import Name, Span

LITERAL = Scalar("a number", 0)
NOTHING = Scalar("nothing", 0)


@dataclass(frozen=True)
class Scope:
    """`payload`: the event's fields under the handler's binder; `places`: where locals and the binder were named;
    `under`: who runs the domain; `taken`: names that C has in this block already; `defines`: shared statements,
    `uses`: those that some body uses, `inlining`: those that this place is in.

    `mode`: "fact" for conditions and payloads of exits, "body" for handlers,
    "entry" for entry checks, "plain" for numbers.
    """

    reporter: Reporter
    facts: Facts
    mode: str = "plain"
    constants: Mapping[str, tuple[int, Scalar, Doc]] = field(default_factory=dict)
    structs: Mapping[str, StructType] = field(default_factory=dict)
    externs: Mapping[str, Extern] = field(default_factory=dict)
    regions: Mapping[str, Region] = field(default_factory=dict)
    binder: str = ""
    event: str = ""
    payload: Mapping[str, Scalar] = field(default_factory=dict)
    locals: Mapping[str, ir.Expression] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    defines: Mapping[str, Define] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)
    inlining: tuple[str, ...] = ()
    places: Mapping[str, Span] = field(default_factory=dict)
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    exit_name: str = ""
    length: str | int = "none"
    length_span: Span | None = None
    domain: str = ""
    under: str = ""
    hypercall: bool = False
    returns: Scalar | None = None
    failures: tuple[str, ...] = ()
    abi: Abi = field(default_factory=Abi)

    def with_local(self, name: Name, value: ir.Expression) -> Scope:
        """Return the scope after `let name = ...`."""
        places = {**self.places, name.text: name.span}
        taken = self.taken | {value.name} if isinstance(value, ir.Local) else self.taken
        return replace(self, locals={**self.locals, name.text: value}, places=places, taken=taken)

    def free_name(self, name: str) -> str:
        """Return a local's name in C: its own, with a number where the payload or shared statements have it."""
        names = [name, *(f"{name}_{number}" for number in range(2, len(self.taken) + 3))]
        return next(one for one in names if one not in self.taken)


def fit(value: ir.Expression, wanted: Scalar, span: Span, scope: Scope) -> ir.Expression | None:
    """Return the value in the wanted type, or None after reporting."""
    found = value.type
    if isinstance(found, StructType):
        message = f"a struct {found.name} is no {wanted.name}"
        errors.type_mismatch(scope.reporter, span, message, f"this is {found.name}")
        return None
    if isinstance(value, ir.Constant) and found == LITERAL:
        return fit_literal(value, wanted, span, scope)
    if found == NOTHING:
        errors.type_mismatch(scope.reporter, span, "the call returns nothing", "no value")
        return None
    if (found == BOOL) != (wanted == BOOL):
        help = "compare it: ... != 0" if wanted == BOOL else f"cast it: {wanted.name}(...)"
        message = f"a value of type {found.name} is no {wanted.name}"
        errors.type_mismatch(scope.reporter, span, message, f"this is {found.name}", help)
        return None
    if found.bits > wanted.bits:
        errors.too_wide(scope.reporter, span, found.name, wanted.name)
        return None
    return value


def fit_literal(value: ir.Constant, wanted: Scalar, span: Span, scope: Scope) -> ir.Expression | None:
    """Return a bare number in the wanted type."""
    if value.value >> wanted.bits:
        errors.too_wide(scope.reporter, span, f"{value.value:#x}", wanted.name, number=True)
        return None
    return ir.Constant(value.value, wanted, value.name)
