"""Generate, for each dependency between two facts (an edge), a domain that violates that edge and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from codegen.check import check
from codegen.check.evaluate import evaluate, split
from codegen.check.exits import POLICY_EVENTS
from codegen.diagnostics import Diagnostic, Reporter
from codegen.model import ir
from codegen.model.choices import Action, Body, Domain, Handler, Host, Model, MsrRule, Setting, Switched
from codegen.model.facts import Doc, Facts, Msr
from codegen.source import Name, Span

HERE = Span("generated.luv", 1, 1, 1)
STOP = Body((ir.End("stop", None, None, "", HERE),), 0)


@dataclass(frozen=True)
class Edge:
    """`source` needs `need`; `kind` is the table of the source."""

    kind: str
    source: str
    need: ir.Condition

    @property
    def target(self) -> str:
        """Return the name of the needed end."""
        match self.need:
            case ir.ControlAtom(control) | ir.NotCondition(ir.ControlAtom(control)):
                return control
            case ir.MsrAtom(msr):
                return msr
        return " or ".join(one.control for one in parts(self.need))

    def __str__(self) -> str:
        return f"{self.kind}:{self.source}->{self.target}"


def parts(need: ir.Condition) -> list[ir.ControlAtom]:
    """Return the controls of an alternative."""
    assert isinstance(need, ir.OrCondition)
    return [atom for one in need.operands for atom in ([one] if isinstance(one, ir.ControlAtom) else parts(one))]


def list_edges(facts: Facts) -> Iterator[Edge]:
    """Yield every need in the facts."""
    tables = {"control": facts.control_needs, "field": facts.field_needs}
    tables["feature"] = {name: one.needs for name, one in facts.features.items()}
    for kind, table in tables.items():
        for name, needs in table.items():
            yield from (Edge(kind, name, one) for one in split(needs) if not isinstance(one, ir.Always))
    for msr in facts.msrs.values():
        for _, control in msr.switched.controls if msr.switched else ():
            yield Edge("switch", msr.name, ir.ControlAtom(control, HERE))
    for exit in facts.exits.values():
        for atom in find_atoms(exit.condition):
            yield Edge("exit", exit.name, atom)


def find_atoms(condition: ir.Condition) -> Iterator[ir.ControlAtom]:
    """Return all controls in a condition."""
    match condition:
        case ir.ControlAtom():
            yield condition
        case ir.AndCondition(operands) | ir.OrCondition(operands):
            for one in operands:
                yield from find_atoms(one)


def without(facts: Facts, edge: Edge) -> Facts:
    """Return the facts without that edge."""
    match edge.kind:
        case "control":
            return replace(facts, control_needs=drop_need(facts.control_needs, edge))
        case "field":
            return replace(facts, field_needs=drop_need(facts.field_needs, edge))
        case "feature":
            feature = facts.features[edge.source]
            needs = drop_need({edge.source: feature.needs}, edge)[edge.source]
            return replace(facts, features={**facts.features, edge.source: replace(feature, needs=needs)})
        case "switch":
            return replace(facts, msrs={**facts.msrs, edge.source: drop_control(facts.msrs[edge.source], edge.target)})
    exit = facts.exits[edge.source]
    changed = replace(exit, condition=forget(exit.condition, edge.target))
    return replace(facts, exits={**facts.exits, edge.source: changed})


def drop_need(table: dict[str, ir.Condition], edge: Edge) -> dict[str, ir.Condition]:
    """Return a table of needs without one need of one name."""
    rest = tuple(one for one in split(table[edge.source]) if one != edge.need)
    return {**table, edge.source: ir.AndCondition(rest)}


def drop_control(msr: Msr, control: str) -> Msr:
    """Return an MSR that one control less switches."""
    assert msr.switched
    kept = tuple(one for one in msr.switched.controls if one[1] != control)
    return replace(msr, switched=replace(msr.switched, controls=kept))


def forget(condition: ir.Condition, control: str) -> ir.Condition:
    """Return the condition with that control replaced by false."""
    match condition:
        case ir.ControlAtom(name) if name == control:
            return ir.Always(False)
        case ir.AndCondition(operands):
            return ir.AndCondition(tuple(forget(one, control) for one in operands))
        case ir.OrCondition(operands):
            return ir.OrCondition(tuple(forget(one, control) for one in operands))
    return condition


class Maker:
    """Builds domains that have only what an edge is about, and everything else that the facts require."""

    def __init__(self, model: Model) -> None:
        self.model = model
        plain = next(iter(model.domains.values()))
        nothing = Action("try", HERE)
        msr = replace(plain.msr, read=(), write=(), default_read=nothing, default_write=Action("value", HERE))
        passed = Action("pass", HERE)
        self.empty = replace(
            plain, name="made", native=(), trapped=(), settings={}, required=(), required_features=(), span=HERE,
            owned=dict.fromkeys(plain.owned, 0), cpuid=replace(plain.cpuid, shown=(), forced=(), own=(), span=HERE),
            msr=msr, io=replace(plain.io, rules=(), default_read=passed, default_write=passed),
            exceptions=replace(plain.exceptions, trapped=(), switched=False), switched=(), reset=(), memory=(),
            handlers={},
        )

    def violate(self, edge: Edge) -> Domain:
        """Return a domain that has the edge's source and not its need."""
        domain = self.empty
        match edge.kind:
            case "control":
                domain = self.turn_on(domain, edge.source, edge.need)
            case "feature":
                domain = self.show(domain, edge)
            case "field":
                domain = self.touch(domain, edge.source)
            case "switch":
                domain = self.switch(domain, edge)
            case _:
                for control in find_partners(self.model.facts.exits[edge.source].condition, edge.target):
                    domain = self.turn_on(domain, control, None)
                domain = self.wish_native(domain, edge.source)
        return domain

    def wish_native(self, domain: Domain, exit: str) -> Domain:
        """Return a domain in which the exit's events are native."""
        names = dict.fromkeys(alternative.event for alternative in self.model.facts.exits[exit].alternatives)
        return replace(domain, native=tuple(Name(one, HERE) for one in names))

    def turn_on(self, domain: Domain, control: str, but: ir.Condition | None) -> Domain:
        """Return a domain with a control and its needs except one; a `not` is violated by turning its control on."""
        domain = replace(domain, settings={**domain.settings, control: Setting(control, "on", HERE)})
        for need in split(self.model.facts.control_needs[control]):
            match need:
                case ir.NotCondition(ir.ControlAtom(other)) if need == but:
                    domain = self.turn_on(domain, other, None)
                case ir.ControlAtom(other) if need != but:
                    domain = self.turn_on(domain, other, but)
        return domain

    def show(self, domain: Domain, edge: Edge) -> Domain:
        """Return a domain with a feature and its other needs."""
        facts = self.model.facts
        feature = facts.features[edge.source]
        for need in split(feature.needs):
            if isinstance(need, ir.ControlAtom) and need != edge.need:
                domain = self.turn_on(domain, need.control, None)
        if isinstance(edge.need, ir.MsrAtom):
            msr = facts.msrs[edge.need.msr]
            hidden = MsrRule(msr.first, msr.last, msr.name, Action("inject", HERE, vector=facts.vectors["gp"]))
            domain = replace(domain, msr=replace(domain.msr, write=(hidden,)))
        return replace(domain, cpuid=replace(domain.cpuid, shown=(feature,)))

    def touch(self, domain: Domain, field: str) -> Domain:
        """Return a domain with a body that reads the field."""
        facts = self.model.facts
        read = ir.LogLine("", (ir.VmcsRead(facts.vmcs[field], facts.vmcs[field].type),))
        body = Body((read, *STOP.statements), 0)
        return replace(domain, handlers={"triple_fault": Handler("triple_fault", "", body, Doc(), HERE)})

    def switch(self, domain: Domain, edge: Edge) -> Domain:
        """Return a domain that switches an MSR with all its controls but one."""
        msr = self.model.facts.msrs[edge.source]
        for _, control in msr.switched.controls if msr.switched else ():
            if control != edge.target:
                domain = self.turn_on(domain, control, None)
        return replace(domain, switched=(Switched(msr, "fields", HERE),))


def find_partners(condition: ir.Condition, control: str) -> list[str]:
    """Return the control, and those that must be on too for the exit to happen."""
    match condition:
        case ir.AndCondition(operands) if control in [one.control for one in find_atoms(condition)]:
            return [one.control for operand in operands for one in find_atoms(operand)]
        case ir.OrCondition(operands):
            return next((found for one in operands if (found := find_partners(one, control))), [])
        case ir.ControlAtom(name) if name == control:
            return [control]
    return []


def isolate(facts: Facts, edge: Edge) -> Facts:
    """Return facts in which no other exit has the exit's events."""
    if edge.kind != "exit":
        return facts
    names = {alternative.event for alternative in facts.exits[edge.source].alternatives}
    events = {name: replace(one, exits=(edge.source,)) if name in names else one for name, one in facts.events.items()}
    return replace(facts, events=events)


def handle(facts: Facts, domain: Domain) -> Domain:
    """Return a handler for each event that can happen."""
    handlers = dict(domain.handlers)
    for event in facts.events.values():
        possible = any(evaluate(facts.exits[one].condition, domain).can_hold for one in event.exits)
        if possible and event.name not in POLICY_EVENTS:
            handlers.setdefault(event.name, Handler(event.name, "", STOP, Doc(), HERE))
    return replace(domain, handlers=handlers)


def diagnose(model: Model, facts: Facts, domain: Domain) -> list[Diagnostic]:
    """Return the errors of the checks for one domain, resolved against these facts."""
    shown = tuple(facts.features[one.name] for one in domain.cpuid.shown)
    switched = tuple(replace(one, msr=facts.msrs[one.msr.name]) for one in domain.switched)
    domain = handle(facts, replace(domain, cpuid=replace(domain.cpuid, shown=shown), switched=switched))
    reporter = Reporter()
    # Host state has rules that need controls of each domain; a domain that violates one edge has few.
    check(replace(model, facts=facts, domains={domain.name: domain}, hypercalls={}, host=Host()), reporter)
    return reporter.diagnostics
