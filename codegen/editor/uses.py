"""What names in choices and domains mean, and the index of all names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from codegen.editor.definitions import list_definitions
from codegen.editor.expressions import TYPES, Local, Scope
from codegen.editor.facts import FACT_RULES, PLAIN, FactWalker
from codegen.editor.names import LANGUAGE, Index, Key
from codegen.language import syntax
from codegen.model.types import HANDLES
from codegen.resolve.abi import NOTHING, WAYS
from codegen.resolve.domains import HELD, RIGHTS, RUNNERS, VALUES
from codegen.resolve.tables import REGISTERS


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


class Walker(FactWalker):
    """Note what the names of declarations mean."""

    def walk_item(self, item: syntax.Item) -> None:
        """Note a declaration's names, and what its comment cites."""
        self.cite(item.doc)
        rule = RULES.get(type(item.declaration))
        if rule:
            rule(self, item.declaration)
        else:
            self.walk_other(item.declaration, PLAIN)

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


RULES: dict[type, Callable[[Any, Any], None]] = {
    **FACT_RULES,
    syntax.Const: Walker.walk_const,
    syntax.Struct: Walker.walk_struct,
    syntax.Extern: Walker.walk_extern,
    syntax.Region: Walker.walk_region,
    syntax.Hypercall: Walker.walk_hypercall,
    syntax.Define: Walker.walk_define,
    syntax.Host: Walker.walk_host,
    syntax.Record: Walker.walk_record,
    syntax.Numbers: FactWalker.walk_nothing,
    syntax.Flags: FactWalker.walk_nothing,
    syntax.Limits: FactWalker.walk_nothing,
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
