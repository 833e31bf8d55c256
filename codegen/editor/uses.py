"""What names in declarations mean: facts, choices and domains."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from codegen.editor.definitions import list_definitions
from codegen.editor.expressions import TYPES, ExpressionWalker, Local, Scope
from codegen.editor.names import LANGUAGE, Index, Key
from codegen.language import syntax
from codegen.model.types import HANDLES, VMCB_TYPES, VMCS_TYPES
from codegen.resolve.abi import KINDS, NOTHING, WAYS
from codegen.resolve.domains import HELD, RIGHTS, RUNNERS, VALUES
from codegen.resolve.exits import substitute
from codegen.resolve.facts import AREAS
from codegen.resolve.tables import DIRECTIONS, REGISTERS
from codegen.source import Name

CONDITION = Scope("condition")
PLAIN = Scope()


def make_index(files: Iterable[syntax.File]) -> Index:
    """Return the index of all files: what they define first, then what they use."""
    index = Index()
    known = list(files)
    for file in known:
        for item in file.items:
            for one in list_definitions(item):
                index.add_definition(one)
    walker = Walker(index)
    for file in known:
        for item in file.items:
            walker.walk_item(item)
    return index


class Walker(ExpressionWalker):
    """Note what the names of declarations mean."""

    def walk_item(self, item: syntax.Item) -> None:
        """Note a declaration's names, and what its comment cites."""
        self.cite(item.doc)
        rule = RULES.get(type(item.declaration))
        if rule:
            rule(self, item.declaration)
        else:
            self.walk_other(item.declaration, PLAIN)

    def walk_bits(self, bits: Iterable[syntax.Bit]) -> None:
        """Note what bits need and follow."""
        for bit in bits:
            self.cite(bit.doc)
            self.walk(bit.needs, CONDITION)
            match bit.mirrors:
                case syntax.Member(syntax.NameExpr(root), name):
                    self.use(name, self.members_of(self.use(root, ("state",))))

    # ---- facts

    def walk_vmcs(self, node: syntax.Vmcs) -> None:
        self.use(node.area, words=AREAS)
        for one in node.fields:
            self.cite(one.doc)
            self.use(one.type, words=tuple({**VMCS_TYPES, **VMCB_TYPES}))
            if one.layout:
                self.use(one.layout, ("layout",))
            self.walk(one.needs, CONDITION)
            self.walk_bits(one.bits)

    def walk_controls(self, node: syntax.Controls) -> None:
        self.use(node.field, ("field",))
        for msr in (node.msr, node.true_msr):
            if msr:
                self.use(msr, ("msr",))
        self.walk(node.needs, CONDITION)
        self.walk_bits(node.bits)

    def walk_capabilities(self, node: syntax.Capabilities) -> None:
        self.use(node.msr, ("msr",))
        self.walk(node.needs, CONDITION)
        self.walk_bits(node.bits)

    def walk_layout(self, node: syntax.Layout) -> None:
        self.walk_bits(node.bits)

    def walk_information(self, node: syntax.Information) -> None:
        for one in node.words:
            self.use(one.field, ("field",))

    def walk_exits(self, node: syntax.Exits) -> None:
        for exit in node.exits:
            self.cite(exit.doc)
            if not isinstance(exit.condition, str):
                self.walk(exit.condition, CONDITION)
            scope = Scope("fact", layouts={word.text: ("bit", layout.text) for word, layout in exit.layouts})
            for word, layout in exit.layouts:
                self.use(word, ("information",))
                self.use(layout, ("layout",))
            if isinstance(exit.length, tuple):
                self.use(exit.length[0], ("field",))
            for one in exit.alternatives:
                self.walk_alternative(one, scope)

    def walk_alternative(self, node: syntax.Alternative, scope: Scope) -> None:
        for field in node.payload:
            self.walk(field.value, scope)
        self.walk(node.where, scope)

    def walk_checks(self, node: syntax.Checks) -> None:
        if node.fails.exit:
            self.use(node.fails.exit, ("exit",))
        for item in node.items:
            match item:
                case syntax.Each(word, values, rules):
                    for value in values:
                        for rule in rules:
                            self.walk_rule(substitute(rule, word.text, value.text))
                    for name in (word, *values):
                        self.note(name, (LANGUAGE, name.text))
                case syntax.Rule():
                    self.walk_rule(item)
                case syntax.Omitted(doc):
                    self.cite(doc)

    def walk_rule(self, node: syntax.Rule) -> None:
        self.cite(node.doc)
        self.walk(node.when, Scope("entry"))
        self.walk(node.holds, Scope("entry"))

    def walk_state(self, node: syntax.State) -> None:
        for one in node.fields:
            self.cite(one.doc)
            if one.type:
                self.use(one.type, words=TYPES)
            for name in (one.field, one.shadow):
                if name:
                    self.use(name, ("field",))
            if one.layout:
                self.use(one.layout, ("layout",))

    def walk_bitmap(self, node: syntax.Bitmap) -> None:
        for reference in (node.used, node.otherwise):
            if reference:
                self.walk_reference(reference.names)
        for one in node.ranges:
            self.use(one.direction, words=DIRECTIONS)

    def walk_reset_table(self, node: syntax.ResetTable) -> None:
        self.walk_values(node.values)

    def walk_values(self, values: Iterable[tuple[Name, syntax.Expr]]) -> None:
        """Note guest state, and its values after reset."""
        for name, value in values:
            self.use(name, ("state",))
            self.walk(value, PLAIN)

    def walk_msrs(self, node: syntax.Msrs) -> None:
        for msr in node.msrs:
            self.cite(msr.doc)
            self.use(msr.group, ("class",))

    def walk_switched(self, node: syntax.SwitchedMsrs) -> None:
        for one in node.msrs:
            self.use(one.msr, ("msr",))
            for name in (one.guest, one.host):
                if name:
                    self.use(name, ("field",))
            for _, reference in one.parts:
                self.walk_reference(reference.names)

    def walk_reference(self, names: tuple[Name, ...]) -> None:
        """Note `word.control`."""
        self.use(names[0], ("word",))
        for name in names[1:]:
            self.use(name, ("control", names[0].text))

    def walk_cpuid(self, node: syntax.Cpuid) -> None:
        for register in node.registers:
            self.use(register.name, words=REGISTERS)
            self.walk_bits(register.bits or ())

    def walk_feature_needs(self, node: syntax.FeatureNeeds) -> None:
        for one in node.features:
            self.use(one.feature, ("feature",))
            self.walk(one.needs, CONDITION)

    def walk_processor(self, node: syntax.Processor) -> None:
        if node.feature:
            self.use(node.feature, ("feature",))
        if node.lock:
            msr, layout, bit, _ = node.lock
            self.use(msr, ("msr",))
            self.use(bit, self.members_of(self.use(layout, ("layout",))))
        if node.true:
            table, bit = node.true
            self.use(bit, self.members_of(self.use(table, ("capabilities",))))
        if node.encoding:
            self.use(node.encoding, ("layout",))

    def walk_entries(self, node: Any) -> None:
        """Note what the comments of a table's entries cite."""
        for name in ("vectors", "ports", "options"):
            for one in getattr(node, name, ()):
                self.cite(one.doc)
        for one in getattr(node, "options", ()):
            self.use(one.kind, words=tuple(KINDS))

    def walk_vectors(self, node: syntax.Vectors) -> None:
        self.walk_entries(node)
        for one in node.vectors:
            for trait in one.traits:
                self.note(trait, (LANGUAGE, trait.text))

    # ---- choices

    def walk_const(self, node: syntax.Const) -> None:
        self.use(node.type, words=TYPES)
        self.walk(node.value, PLAIN)

    def walk_struct(self, node: syntax.Struct) -> None:
        for one in node.fields:
            self.use(one.type, words=TYPES)

    def walk_parameters(self, parameters: Iterable[syntax.Parameter], scope: Scope) -> Scope:
        """Note parameters; return the scope in which they are known."""
        for one in parameters:
            scope = self.define_local("parameter", one.name, self.walk_type(one.type), scope)
        return scope

    def walk_extern(self, node: syntax.Extern) -> None:
        for one in node.parameters:
            self.define_local("parameter", one.name, (), PLAIN)
            self.use(one.type, ("struct",), words=(*TYPES, *HANDLES, "cpu"))
        if node.returns:
            self.use(node.returns, ("struct",), words=TYPES)

    def walk_region(self, node: syntax.Region) -> None:
        self.walk(node.base, PLAIN)
        self.walk(node.size, PLAIN)

    def walk_hypercall(self, node: syntax.Hypercall) -> None:
        scope = self.walk_parameters(node.parameters, Scope("body"))
        if node.returns:
            self.use(node.returns, words=TYPES)
        for name in node.callers:
            self.use(name, ("caller",))
        for name in node.errors:
            self.use(name, ("errno",))
        self.walk_block(node.body, scope)

    def walk_define(self, node: syntax.Define) -> None:
        self.walk_block(node.body, self.walk_parameters(node.parameters, Scope("body")))

    def walk_host(self, node: syntax.Host) -> None:
        for one in node.values:
            members = self.members_of(self.use(one.name, ("host state",)))
            bits = {found.name: Local(found.key) for found in self.index.list_members(members)} if members else {}
            self.walk(one.value, replace(PLAIN, locals=bits))

    def walk_record(self, node: syntax.Record) -> None:
        for field in node.fields:
            self.cite(field.doc)
            self.use(field.type, ("record",), words=TYPES)

    def walk_callers(self, node: syntax.Callers) -> None:
        for one in node.callers:
            self.use(one.way, words=WAYS)
            for handle in one.handles:
                self.use(handle, words=(NOTHING, *HANDLES))

    def walk_nothing(self, node: Any) -> None:
        """Do nothing for tables that use no name."""

    # ---- domains

    def walk_domain(self, node: syntax.Domain) -> None:
        if node.under:
            self.use(node.under, words=RUNNERS)
        for clause in node.clauses:
            rule = CLAUSES.get(type(clause))
            if rule:
                rule(self, clause)
            else:
                self.walk_other(clause, PLAIN)

    def walk_events(self, node: syntax.Native | syntax.Trap) -> None:
        for name in node.events:
            self.use(name, ("event",))

    def walk_backend(self, node: syntax.ForBackend) -> None:
        self.note(node.backend, (LANGUAGE, node.backend.text))
        for clause in node.clauses:
            match clause:
                case syntax.Set(word, settings):
                    self.use(word, ("word",))
                    for one in settings:
                        self.use(one.control, ("control", word.text))
                        self.use(one.value, words=VALUES)
                case syntax.Require(_, table, bits):
                    self.use(table, ("capabilities",), words=("cpuid",))
                    group: Key = ("feature",) if table.text == "cpuid" else ("capability", table.text)
                    for name in bits:
                        self.use(name, group)
                case syntax.Own(register, owned):
                    self.use(register, ("layout",))
                    for bit in owned:
                        self.use(bit.name, ("bit", register.text))
                        if bit.held:
                            self.use(bit.held, words=HELD)

    def walk_domain_cpuid(self, node: syntax.DomainCpuid) -> None:
        for rule in node.rules:
            for name in rule.names:
                self.use(name, ("feature",), words=("known",) if rule.how == "pass" else ())
        for leaf in node.leaves:
            for name, value in leaf.registers:
                self.use(name, words=REGISTERS)
                self.walk(value, PLAIN)

    def walk_domain_msr(self, node: syntax.DomainMsr) -> None:
        for rule in node.rules:
            self.walk_access_rule(rule, ("msr",), {"read": "msr_read", "write": "msr_write", "": "msr_read"})

    def walk_domain_io(self, node: syntax.DomainIo) -> None:
        for rule in node.rules:
            self.walk_access_rule(rule, ("port",), dict.fromkeys(("read", "write", ""), "io"))

    def walk_access_rule(self, rule: syntax.AccessRule, group: Key, events: dict[str, str]) -> None:
        """Note what a rule selects, and its actions; in their bodies the access is `e`."""
        self.cite(rule.doc)
        for name in rule.selector.names:
            self.use(name, ("class",) if rule.selector.kind == "class" else group)
        for access in rule.accesses:
            action = access.action
            if action.vector:
                self.use(action.vector, ("vector",))
            if action.forward:
                self.use(action.forward, ("forward",))
            self.walk(action.value, PLAIN)
            binder = Local(("binder", "", "e"), ("payload", events[access.direction]))
            self.walk_block(action.body, Scope("body", {"e": binder}))

    def walk_exceptions(self, node: syntax.DomainExceptions) -> None:
        for rule in node.rules:
            if rule.vector:
                self.use(rule.vector, ("vector",))

    def walk_switch(self, node: syntax.DomainSwitch) -> None:
        for rule in node.rules:
            for name in rule.msrs:
                self.use(name, ("msr",))

    def walk_reset(self, node: syntax.DomainReset) -> None:
        for name in node.sources:
            self.use(name, ("resettable",))
        self.walk_values(node.values)

    def walk_memory(self, node: syntax.DomainMemory) -> None:
        for rule in node.rules:
            self.use(rule.region, ("region",))
            for name, words in ((rule.rights, RIGHTS), (rule.types, ("mtrr",)), (rule.fill, ("ones",))):
                if name:
                    self.use(name, words=words)
            self.walk(rule.onto, PLAIN)

    def walk_handler(self, node: syntax.Handler) -> None:
        self.cite(node.doc)
        members = self.members_of(self.use(node.event, ("event",)))
        scope = Scope("body")
        if node.binder:
            scope = self.define_local("binder", node.binder, members, scope)
        self.walk_block(node.body, scope)


RULES: dict[type, Callable[[Walker, Any], None]] = {
    syntax.Manual: Walker.walk_nothing,
    syntax.Processor: Walker.walk_processor,
    syntax.Vmcs: Walker.walk_vmcs,
    syntax.Controls: Walker.walk_controls,
    syntax.Capabilities: Walker.walk_capabilities,
    syntax.Layout: Walker.walk_layout,
    syntax.Information: Walker.walk_information,
    syntax.Exits: Walker.walk_exits,
    syntax.Checks: Walker.walk_checks,
    syntax.State: Walker.walk_state,
    syntax.Bitmap: Walker.walk_bitmap,
    syntax.ResetTable: Walker.walk_reset_table,
    syntax.Msrs: Walker.walk_msrs,
    syntax.SwitchedMsrs: Walker.walk_switched,
    syntax.Cpuid: Walker.walk_cpuid,
    syntax.FeatureNeeds: Walker.walk_feature_needs,
    syntax.Vectors: Walker.walk_vectors,
    syntax.Ports: Walker.walk_entries,
    syntax.Errnos: Walker.walk_nothing,
    syntax.Forwards: Walker.walk_nothing,
    syntax.Const: Walker.walk_const,
    syntax.Struct: Walker.walk_struct,
    syntax.Extern: Walker.walk_extern,
    syntax.Region: Walker.walk_region,
    syntax.Hypercall: Walker.walk_hypercall,
    syntax.Define: Walker.walk_define,
    syntax.Host: Walker.walk_host,
    syntax.Record: Walker.walk_record,
    syntax.Numbers: Walker.walk_nothing,
    syntax.Flags: Walker.walk_nothing,
    syntax.Limits: Walker.walk_nothing,
    syntax.Callers: Walker.walk_callers,
    syntax.Options: Walker.walk_entries,
    syntax.Domain: Walker.walk_domain,
}

CLAUSES: dict[type, Callable[[Walker, Any], None]] = {
    syntax.Native: Walker.walk_events,
    syntax.Trap: Walker.walk_events,
    syntax.ForBackend: Walker.walk_backend,
    syntax.DomainCpuid: Walker.walk_domain_cpuid,
    syntax.DomainMsr: Walker.walk_domain_msr,
    syntax.DomainIo: Walker.walk_domain_io,
    syntax.DomainExceptions: Walker.walk_exceptions,
    syntax.DomainSwitch: Walker.walk_switch,
    syntax.DomainReset: Walker.walk_reset,
    syntax.DomainMemory: Walker.walk_memory,
    syntax.Handler: Walker.walk_handler,
}
