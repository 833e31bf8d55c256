"""What names in facts mean: control words, exits, checks, MSRs and the other tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from codegen.editor.expressions import TYPES, ExpressionWalker, Scope
from codegen.editor.names import LANGUAGE
from codegen.language import syntax
from codegen.model.types import VMCS_TYPES
from codegen.resolve.abi import KINDS
from codegen.resolve.exits import substitute
from codegen.resolve.facts import AREAS
from codegen.resolve.tables import DIRECTIONS, REGISTERS
from codegen.source import Name

CONDITION = Scope("condition")
PLAIN = Scope()


class FactWalker(ExpressionWalker):
    """Note what the names of facts mean."""

    def walk_bits(self, bits: Iterable[syntax.Bit]) -> None:
        """Note what bits need and follow."""
        for bit in bits:
            self.cite(bit.doc)
            self.walk(bit.needs, CONDITION)
            match bit.mirrors:
                case syntax.Member(syntax.NameExpr(root), name):
                    self.use(name, self.members_of(self.use(root, ("state",))))

    def walk_vmcs(self, node: syntax.Vmcs) -> None:
        self.use(node.area, words=AREAS)
        for one in node.fields:
            self.cite(one.doc)
            self.use(one.type, words=tuple(VMCS_TYPES))
            if one.layout:
                self.use(one.layout, ("layout",))
            self.walk(one.needs, CONDITION)
            self.walk_bits(one.bits)

    def walk_controls(self, node: syntax.Controls) -> None:
        self.use(node.field, ("field",))
        self.use(node.msr, ("msr",))
        if node.true_msr:
            self.use(node.true_msr, ("msr",))
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

    def walk_nothing(self, node: Any) -> None:
        """Do nothing for tables that use no name."""


FACT_RULES: dict[type, Callable[[Any, Any], None]] = {
    syntax.Manual: FactWalker.walk_nothing,
    syntax.Processor: FactWalker.walk_processor,
    syntax.Vmcs: FactWalker.walk_vmcs,
    syntax.Controls: FactWalker.walk_controls,
    syntax.Capabilities: FactWalker.walk_capabilities,
    syntax.Layout: FactWalker.walk_layout,
    syntax.Information: FactWalker.walk_information,
    syntax.Exits: FactWalker.walk_exits,
    syntax.Checks: FactWalker.walk_checks,
    syntax.State: FactWalker.walk_state,
    syntax.Bitmap: FactWalker.walk_bitmap,
    syntax.ResetTable: FactWalker.walk_reset_table,
    syntax.Msrs: FactWalker.walk_msrs,
    syntax.SwitchedMsrs: FactWalker.walk_switched,
    syntax.Cpuid: FactWalker.walk_cpuid,
    syntax.FeatureNeeds: FactWalker.walk_feature_needs,
    syntax.Vectors: FactWalker.walk_vectors,
    syntax.Ports: FactWalker.walk_entries,
    syntax.Errnos: FactWalker.walk_nothing,
    syntax.Forwards: FactWalker.walk_nothing,
}
