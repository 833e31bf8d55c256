"""The whole spec: facts first, then choices that refer to them, then the checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codegen import errors, syntax
from codegen.diagnostics import Reporter
from codegen.model import choices, ir
from codegen.model.facts import Doc, Facts
from codegen.model.types import SCALARS, Scalar, StructType, Type
from codegen.resolve.bodies import resolve_body
from codegen.resolve.docs import check_citations, check_doc, make_doc
from codegen.resolve.domain import DomainResolver
from codegen.resolve.exits import add_exits
from codegen.resolve.expressions import resolve_value
from codegen.resolve.facts import FactResolver, declare
from codegen.resolve.scope import Scope

EXTERN_COST = 20
PAGE = 4096
Item = tuple[Any, Doc]


def collect(files: Iterable[syntax.File]) -> list[syntax.Item]:
    return [item for file in files for item in file.items]


def of_kind(items: list[syntax.Item], kind: type) -> list[Item]:
    return [(item.declaration, make_doc(item.doc)) for item in items if isinstance(item.declaration, kind)]


def resolve_spec(files: Iterable[syntax.File], reporter: Reporter) -> choices.Model:
    items = collect(files)
    facts = resolve_facts(items, reporter)
    check_docs(items, facts, reporter)
    return ChoiceResolver(items, facts, reporter).resolve()


def resolve_facts(items: list[syntax.Item], reporter: Reporter) -> Facts:
    """In the order in which facts refer to each other."""
    resolver = FactResolver(reporter)
    steps: list[tuple[type, Any]] = [
        (syntax.Layout, lambda node, doc: resolver.add_layout(node)),
        (syntax.Vmcs, resolver.add_vmcs),
        (syntax.Controls, resolver.add_controls),
        (syntax.Msrs, lambda node, doc: resolver.add_msrs(node)),
        (syntax.Msrs, lambda node, doc: resolver.link_msrs(node)),
        (syntax.Controls, lambda node, doc: resolver.link_controls(node)),
        (syntax.Capabilities, resolver.add_capabilities),
        (syntax.Vectors, lambda node, doc: resolver.add_vectors(node)),
        (syntax.Ports, lambda node, doc: resolver.add_ports(node)),
        (syntax.Errnos, lambda node, doc: resolver.add_errnos(node)),
        (syntax.State, lambda node, doc: resolver.add_state(node)),
        (syntax.Exits, lambda node, doc: add_exits(node, resolver)),
        (syntax.Cpuid, resolver.link_cpuid),
    ]
    for kind, step in steps:
        for node, doc in of_kind(items, kind):
            step(node, doc)
    return with_manual(items, resolver.facts)


def with_manual(items: list[syntax.Item], facts: Facts) -> Facts:
    manuals = of_kind(items, syntax.Manual)
    edition = manuals[0][0].edition.value if manuals else ""
    sections = {one.number.text: one.title.value for node, _ in manuals for one in node.sections}
    return replace(facts, edition=edition, sections=sections)


def check_docs(items: list[syntax.Item], facts: Facts, reporter: Reporter) -> None:
    """Every declaration is documented; every citation is in the manual's table."""
    for item in items:
        name, span = describe(item.declaration)
        check_doc(item.doc, name, span, reporter)
        check_citations(item.doc, facts.edition, facts.sections, reporter)
        for doc in find_docs(item.declaration):
            check_citations(doc, facts.edition, facts.sections, reporter)


def describe(node: Any) -> tuple[str, Any]:
    kind = type(node).__name__.lower()
    if hasattr(node, "name"):
        return f"{kind} `{node.name.text}`", node.name.span
    return f"`{kind}`", node.span


def find_docs(node: Any) -> list[syntax.Doc]:
    """The docs of a declaration's entries."""
    lists = [getattr(node, name, ()) for name in ("fields", "bits", "exits", "msrs", "vectors", "ports", "clauses")]
    entries = [entry for one in lists for entry in one]
    return [entry.doc for entry in entries if getattr(entry, "doc", None)]


class ChoiceResolver:
    """Constants, structs, externs, regions, hypercalls and domains."""

    def __init__(self, items: list[syntax.Item], facts: Facts, reporter: Reporter) -> None:
        self.items, self.facts, self.reporter = items, facts, reporter
        self.scope = Scope(reporter, facts)

    def resolve(self) -> choices.Model:
        structs = self.structs()
        self.scope = replace(self.scope, structs=structs)
        constants = self.constants()
        self.scope = replace(self.scope, constants=constants)
        externs = self.externs()
        self.scope = replace(self.scope, externs=externs)
        regions = self.regions()
        self.scope = replace(self.scope, regions=regions)
        domains, hypercalls = self.domains(), self.hypercalls()
        return choices.Model(
            self.facts, constants, structs, externs, regions, hypercalls, self.facts.errnos, domains
        )

    def structs(self) -> dict[str, StructType]:
        made: dict[str, StructType] = {}
        for node, _ in of_kind(self.items, syntax.Struct):
            fields = tuple((one.name.text, self.scalar(one.type)) for one in node.fields)
            made[node.name.text] = StructType(node.name.text, fields)
        return made

    def scalar(self, name: syntax.Name) -> Scalar:
        if name.text not in SCALARS:
            errors.unknown_name(self.reporter, name, "type", SCALARS)
        return SCALARS.get(name.text, SCALARS["u64"])

    def constants(self) -> dict[str, tuple[int, Scalar, Doc]]:
        made: dict[str, tuple[int, Scalar, Doc]] = {}
        for node, doc in of_kind(self.items, syntax.Const):
            type = self.scalar(node.type)
            value = resolve_value(node.value, replace(self.scope, constants=made), type)
            if isinstance(value, ir.Constant):
                made[node.name.text] = (value.value, type, doc)
        return made

    def externs(self) -> dict[str, choices.Extern]:
        made: dict[str, choices.Extern] = {}
        for node, doc in of_kind(self.items, syntax.Extern):
            declare(made, node.name, "extern", self.make_extern(node, doc), self.reporter)
        return made

    def make_extern(self, node: syntax.Extern, doc: Doc) -> choices.Extern:
        takes_cpu = bool(node.parameters) and node.parameters[0].type.text == "cpu"
        plain = node.parameters[1:] if takes_cpu else node.parameters
        parameters = tuple((one.name.text, self.scalar(one.type)) for one in plain)
        returns = self.type(node.returns) if node.returns else None
        cost = node.cost.value if node.cost else EXTERN_COST
        return choices.Extern(node.name.text, parameters, returns, takes_cpu, cost, doc, node.name.span)

    def type(self, name: syntax.Name) -> Type:
        known: dict[str, Type] = {**SCALARS, **self.scope.structs}
        if name.text not in known:
            errors.unknown_name(self.reporter, name, "type", known)
        return known.get(name.text, SCALARS["u64"])

    def regions(self) -> dict[str, choices.Region]:
        made: dict[str, choices.Region] = {}
        for node, doc in of_kind(self.items, syntax.Region):
            base, size = self.number(node.base), self.number(node.size)
            region = choices.Region(node.name.text, node.kind, base, size, doc, node.name.span)
            if (base | size) % PAGE:
                errors.memory_align(self.reporter, node.name.span, f"region `{region.name}` is not made of whole pages")
            declare(made, node.name, "region", region, self.reporter)
        return made

    def number(self, expr: syntax.Expr | None) -> int:
        value = resolve_value(expr, self.scope, SCALARS["u64"]) if expr else None
        return value.value if isinstance(value, ir.Constant) else 0

    def domains(self) -> dict[str, choices.Domain]:
        made: dict[str, choices.Domain] = {}
        for node, doc in of_kind(self.items, syntax.Domain):
            declare(made, node.name, "domain", DomainResolver(node, doc, self.scope).resolve(), self.reporter)
        return made

    def hypercalls(self) -> dict[str, choices.Hypercall]:
        made: dict[str, choices.Hypercall] = {}
        numbers: dict[int, Any] = {}
        for node, doc in of_kind(self.items, syntax.Hypercall):
            if node.number.value in numbers:
                errors.duplicate_number(
                    self.reporter, node.number.span, f"hypercall {node.number.value} is taken", numbers[node.number.value]
                )
            numbers.setdefault(node.number.value, node.number.span)
            declare(made, node.name, "hypercall", self.make_hypercall(node, doc), self.reporter)
        return made

    def make_hypercall(self, node: syntax.Hypercall, doc: Doc) -> choices.Hypercall:
        parameters = tuple((one.name.text, self.scalar(one.type)) for one in node.parameters)
        returns = self.scalar(node.returns) if node.returns else None
        scope = replace(self.scope, mode="body", hypercall=True, locals=dict(parameters), returns=returns)
        if node.origin.text not in ("user", "kernel", "owner"):
            errors.unknown_name(self.reporter, node.origin, "caller", ["user", "kernel", "owner"])
        body = resolve_body(node.body, f"hypercall `{node.name.text}`", scope)
        return choices.Hypercall(
            node.number.value, node.name.text, parameters, returns, node.origin.text, body, doc, node.name.span
        )
