"""Constants, structs, externs, regions, hypercalls and domains, in the order in which they refer to each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.language import syntax
from codegen.model import choices, ir
from codegen.model.facts import Doc, Facts
from codegen.model.types import HANDLES, SCALARS, Scalar, StructType, Type
from codegen.resolve.abi import resolve_abi
from codegen.resolve.declarations import check_reserved, declare, of_kind
from codegen.resolve.defines import check_defines
from codegen.resolve.domains import DomainResolver
from codegen.resolve.expressions import resolve_value
from codegen.resolve.host import resolve_host
from codegen.resolve.hypercalls import EXTERN_COST, HypercallResolver
from codegen.resolve.scope import Scope

PAGE = 4096
ADDRESS_END = 1 << 48  # what four levels of nested tables reach


class ChoiceResolver:
    """Constants, structs, externs, regions, hypercalls and domains."""

    def __init__(self, items: list[syntax.Item], facts: Facts, reporter: Reporter) -> None:
        self.items, self.facts, self.reporter = items, facts, reporter
        self.scope = Scope(reporter, facts)
        self.places: dict[tuple[str, str], Any] = {}

    def resolve(self) -> choices.Model:
        """Return all choices, in the order in which they refer to each other."""
        abi, structs = resolve_abi(self.items, self.reporter), self.structs()
        self.scope = replace(self.scope, structs=structs, abi=abi)
        constants = self.constants()
        self.scope = replace(self.scope, constants=constants)
        externs = self.externs()
        self.scope = replace(self.scope, externs=externs)
        regions = self.regions()
        self.scope = replace(self.scope, regions=regions)
        defines = self.defines()
        self.scope = replace(self.scope, defines=defines, uses=set())
        domains, calls = self.domains(), HypercallResolver(self.items, self.scope, self.parameters)
        hypercalls = calls.resolve()
        check_defines(defines, self.scope.uses, self.reporter)
        return choices.Model(
            self.facts, constants, structs, externs | calls.externs, regions, hypercalls, self.facts.errnos, domains,
            resolve_host(self.items, self.scope), abi,
        )

    def structs(self) -> dict[str, StructType]:
        """Return structs by name."""
        made: dict[str, StructType] = {}
        for node, _ in of_kind(self.items, syntax.Struct):
            self.take_name(node.name, "struct")
            if node.name.text in HANDLES:
                errors.reserved_name(self.reporter, node.name, "struct")
            made[node.name.text] = StructType(node.name.text, self.fields(node.fields))
        return made

    def take_name(self, name: syntax.Name, kind: str) -> None:
        """Report a name that is declared twice or is a word of C."""
        first = self.places.setdefault((kind, name.text), name.span)
        if first != name.span:
            errors.duplicate_name(self.reporter, name, kind, first)
        check_reserved(name, kind, self.reporter)

    def fields(self, nodes: Iterable[syntax.Parameter]) -> tuple[tuple[str, Scalar], ...]:
        """Return names and types of a struct's fields."""
        self.check_names(nodes, "field")
        return tuple((one.name.text, self.scalar(one.type)) for one in nodes)

    def parameters(self, nodes: Iterable[syntax.Parameter]) -> tuple[tuple[str, Type], ...]:
        """Return names and types of parameters; only these can be handles."""
        self.check_names(nodes, "parameter")
        return tuple((one.name.text, HANDLES.get(one.type.text) or self.scalar(one.type)) for one in nodes)

    def check_names(self, nodes: Iterable[syntax.Parameter], kind: str) -> None:
        """Report names that are declared twice or are words of C."""
        names: dict[str, syntax.Name] = {}
        for one in nodes:
            if one.name.text in names:
                errors.duplicate_name(self.reporter, one.name, kind, names[one.name.text].span)
            names.setdefault(one.name.text, one.name)
            check_reserved(one.name, kind, self.reporter)

    def scalar(self, name: syntax.Name) -> Scalar:
        """Return a type that is no struct."""
        if name.text in HANDLES:
            message = f"`{name.text}` is a handle, and only a parameter can be one"
            errors.not_valid_here(self.reporter, name.span, message, "keep the number as u64")
        elif name.text not in SCALARS:
            errors.unknown_name(self.reporter, name, "type", SCALARS)
        return SCALARS.get(name.text, SCALARS["u64"])

    def constants(self) -> dict[str, tuple[int, Scalar, Doc]]:
        """Return constants by name; one may use those before it."""
        made: dict[str, tuple[int, Scalar, Doc]] = {}
        for node, doc in of_kind(self.items, syntax.Const):
            self.take_name(node.name, "constant")
            type = self.scalar(node.type)
            value = resolve_value(node.value, replace(self.scope, constants=made), type)
            if isinstance(value, ir.Constant):
                made[node.name.text] = (value.value, type, doc)
        return made

    def externs(self) -> dict[str, choices.Extern]:
        """Return externs by name."""
        made: dict[str, choices.Extern] = {}
        for node, doc in of_kind(self.items, syntax.Extern):
            self.take_name(node.name, "extern")
            made[node.name.text] = self.make_extern(node, doc)
        return made

    def make_extern(self, node: syntax.Extern, doc: Doc) -> choices.Extern:
        """Return an extern; a first parameter of type `cpu` is passed by itself."""
        takes_cpu = bool(node.parameters) and node.parameters[0].type.text == "cpu"
        plain = node.parameters[1:] if takes_cpu else node.parameters
        parameters = self.parameters(plain)
        returns = self.type(node.returns) if node.returns else None
        cost = node.cost.value if node.cost else EXTERN_COST
        return choices.Extern(node.name.text, parameters, returns, takes_cpu, cost, doc, node.name.span)

    def type(self, name: syntax.Name) -> Type:
        """Return any type."""
        known: dict[str, Type] = {**SCALARS, **self.scope.structs}
        if name.text in HANDLES:
            return self.scalar(name)
        if name.text not in known:
            errors.unknown_name(self.reporter, name, "type", known)
        return known.get(name.text, SCALARS["u64"])

    def defines(self) -> dict[str, syntax.Define]:
        """Return shared statements by name; what they mean depends on who uses them."""
        made: dict[str, syntax.Define] = {}
        for node, _ in of_kind(self.items, syntax.Define):
            self.take_name(node.name, "define")
            self.check_names(node.parameters, "parameter")
            if node.name.text in self.scope.externs:
                errors.duplicate_name(self.reporter, node.name, "define", self.scope.externs[node.name.text].span)
            made[node.name.text] = node
        return made

    def regions(self) -> dict[str, choices.Region]:
        """Return regions by name."""
        made: dict[str, choices.Region] = {}
        for node, doc in of_kind(self.items, syntax.Region):
            base, size = self.number(node.base), self.number(node.size)
            region = choices.Region(node.name.text, node.kind, base, size, doc, node.name.span)
            self.check_region(region)
            declare(made, node.name, "region", region, self.reporter)
        return made

    def check_region(self, region: choices.Region) -> None:
        """Report a region that is not made of whole pages, is empty, or exceeds physical addresses."""
        if (region.base | region.size) % PAGE:
            errors.memory_align(self.reporter, region.span, f"region `{region.name}` is not made of whole pages")
        elif region.kind == "at" and not region.size:
            errors.out_of_range(self.reporter, region.span, f"region `{region.name}` is empty", "no bytes")
        elif region.base + region.size > ADDRESS_END:
            message = f"region `{region.name}` ends at {region.base + region.size:#x}"
            help = "nested tables of four levels reach no further, and no memory is there"
            errors.out_of_range(self.reporter, region.span, message, f"addresses end at {ADDRESS_END:#x}", help)

    def number(self, expr: syntax.Expr | None) -> int:
        """Return a constant's value."""
        value = resolve_value(expr, self.scope, SCALARS["u64"]) if expr else None
        return value.value if isinstance(value, ir.Constant) else 0

    def domains(self) -> dict[str, choices.Domain]:
        """Return domains by name."""
        made: dict[str, choices.Domain] = {}
        for node, doc in of_kind(self.items, syntax.Domain):
            declare(made, node.name, "domain", DomainResolver(node, doc, self.scope).resolve(), self.reporter)
        return made
