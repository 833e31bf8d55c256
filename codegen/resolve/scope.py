"""What names mean at a place: facts, constants, payload and locals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from codegen.diagnostics import Reporter
from codegen.model.choices import Extern, Region
from codegen.model.facts import Doc, Facts, Layout
from codegen.model.types import Scalar, StructType, Type
from codegen.source import Span
from codegen.syntax import Name


@dataclass(frozen=True)
class Scope:
    """`payload`: the event's fields under the handler's binder; `places`: where locals and the binder were named;
    `under`: who runs the domain.

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
    locals: Mapping[str, Type] = field(default_factory=dict)
    places: Mapping[str, Span] = field(default_factory=dict)
    qualification: Layout | None = None
    information: Layout | None = None
    exit_name: str = ""
    length: str | int = "none"
    length_span: Span | None = None
    domain: str = ""
    under: str = ""
    hypercall: bool = False
    returns: Scalar | None = None
    failures: tuple[str, ...] = ()

    def with_local(self, name: Name, type: Type) -> Scope:
        """The scope behind `let name = ...`."""
        places = {**self.places, name.text: name.span}
        return replace(self, locals={**self.locals, name.text: type}, places=places)
