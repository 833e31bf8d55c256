"""Layouts, the VMCS, control words and capabilities: names first, then the conditions that refer to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.language import syntax
from codegen.model import facts as model
from codegen.model import ir
from codegen.model.facts import Facts
from codegen.model.ir import AndCondition
from codegen.model.types import VMCB_TYPES, VMCS_TYPES
from codegen.resolve.declarations import check_number, declare, make_doc
from codegen.source import Span, find_processor

PAGE = 4096
AREAS = ("control", "readonly", "guest", "host")

TABLES = ("exceptions.traps", "io.traps", "msr.read_traps", "msr.write_traps")
OWNED = "owned"  # of a register whose owned bits the guest reads from a shadow


def make_bits(bits: Iterable[syntax.Bit], width: int, what: str, reporter: Reporter) -> tuple[model.Bit, ...]:
    """Return named bits: inside the width, each bit once, each name once."""
    taken: dict[int, Span] = {}
    names: dict[str, model.Bit] = {}
    for bit in bits:
        low, high = bit.low.value, bit.high.value
        if low > high or high >= width:
            message = f"bits {low}..{high} are not in {what}"
            errors.out_of_range(reporter, bit.low.span, message, f"it has bits 0..{width - 1}")
            continue
        for position in range(low, high + 1):
            check_number(taken, position, bit.name.span, f"bit {position} of {what}", reporter)
        values = make_enumerators(bit, reporter)
        made = model.Bit(bit.name.text, low, high, values, bit.name.span)
        declare(names, bit.name, f"bit of {what}", made, reporter)
    return tuple(names.values())


def make_enumerators(bit: syntax.Bit, reporter: Reporter) -> tuple[tuple[str, int], ...]:
    """Return named values of a range of bits: each name once, each value within the range."""
    width = bit.high.value - bit.low.value + 1
    names: dict[str, syntax.Enumerator] = {}
    for one in bit.enumerators:
        if one.name.text in names:
            errors.duplicate_name(reporter, one.name, f"value of `{bit.name.text}`", names[one.name.text].name.span)
        if one.value.value >> width:
            message = f"{one.value.text} does not fit into the {width} bits of `{bit.name.text}`"
            errors.out_of_range(reporter, one.value.span, message, "too large")
        names.setdefault(one.name.text, one)
    return tuple((name, one.value.value) for name, one in names.items())


def name_value(layout: model.Layout, name: str, number: int) -> str:
    """Return the name that a part of a number has by a layout, or nothing."""
    bit = layout.find(name)
    names = {value: text for text, value in bit.values} if bit else {}
    return names.get((number & bit.mask) >> bit.low, "") if bit else ""


class FactResolver:
    """Collect declarations of facts into `facts`."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.facts = model.Facts()
        self.numbers: dict[str, dict[int, Span]] = {}
        self.places: dict[tuple[str, str], Span] = {}
        self.encoding: model.Layout | None = None

    def take_number(self, kind: str, number: int, span: Span, what: str) -> None:
        """Enter a number among those of its kind."""
        check_number(self.numbers.setdefault(kind, {}), number, span, what, self.reporter)

    def take_name(self, kind: str, name: syntax.Name) -> None:
        """Report a name that is taken, for tables whose entries have no span."""
        first = self.places.setdefault((kind, name.text), name.span)
        if first != name.span:
            errors.duplicate_name(self.reporter, name, kind, first)

    def check_range(self, first: syntax.Number, last: syntax.Number, end: int, what: str) -> bool:
        """Return whether first..last is a range within 0..end, after reporting if not."""
        if first.value <= last.value <= end:
            return True
        shown = f"{first.text}..{last.text}" if last != first else first.text
        label = "an empty range" if last.value < first.value else f"the last one is {end:#x}"
        errors.out_of_range(self.reporter, first.span, f"{shown}: no {what} has such a number", label)
        return False

    def find(self, table: Mapping[str, Any], name: syntax.Name | None, kind: str) -> Any:
        """Return what a name means, or None after reporting."""
        if name is None:
            return None
        if name.text not in table:
            errors.unknown_name(self.reporter, name, kind, table)
        return table.get(name.text)

    def add_layout(self, node: syntax.Layout) -> None:
        """Add a layout with a name."""
        bits = make_bits(node.bits, 64, f"layout `{node.name.text}`", self.reporter)
        self.take_name("layout", node.name)
        processor = find_processor(node.name.span.path)
        self.facts.layouts[node.name.text] = model.Layout(node.name.text, bits, processor)

    def add_vmcs(self, node: syntax.Vmcs, doc: model.Doc) -> None:
        """Add a group of fields."""
        if node.area.text not in AREAS:
            errors.unknown_name(self.reporter, node.area, "VMCS area", AREAS)
            return
        for field in node.fields:
            self.add_vmcs_field(field, node, doc)

    def add_vmcs_field(self, node: syntax.VmcsField, group: syntax.Vmcs, doc: model.Doc) -> None:
        """Add a field, checked against its encoding or the fields beside it."""
        types = VMCS_TYPES if group.kind == "vmcs" else VMCB_TYPES
        if node.type.text not in types:
            errors.unknown_name(self.reporter, node.type, f"type of a {group.kind.upper()} field", types)
            return
        type = types[node.type.text]
        if group.kind == "vmcs":
            self.check_encoding(node, group.area.text)
        else:
            self.check_offset(node, type.bits // 8)
        layout = self.find(self.facts.layouts, node.layout, "layout")
        if node.bits:
            bits = make_bits(node.bits, type.bits, f"`{node.name.text}`", self.reporter)
            layout = model.Layout(node.name.text, bits)
        made = model.VmcsField(
            node.name.text, node.encoding.value, type, node.type.text == "natural", group.area.text, group.name.text,
            layout, make_doc(node.doc) if node.doc else doc, node.name.span, group.kind,
        )
        self.check_kind(made)
        declare(self.facts.vmcs, node.name, "VMCS field", made, self.reporter)

    def add_encoding(self, node: syntax.Processor) -> None:
        """Remember the layout of the numbers of fields."""
        self.encoding = self.find(self.facts.layouts, node.encoding, "layout")

    def check_encoding(self, node: syntax.VmcsField, area: str) -> None:
        """Report an encoding that contradicts type or area: the layout of encodings has both by name."""
        encoding = node.encoding.value
        self.take_number("encoding", encoding, node.encoding.span, f"encoding {encoding:#06x}")
        if self.encoding is None:
            return
        width, encoded_area = (name_value(self.encoding, name, encoding) for name in ("width", "area"))
        if encoding & ~sum(bit.mask for bit in self.encoding.bits):
            message = f"{encoding:#06x} is no encoding of a field: `{self.encoding.name}` has no names for all its bits"
            errors.out_of_range(self.reporter, node.encoding.span, message, "no encoding")
        elif width != node.type.text:
            errors.encoding_width(self.reporter, node.name, encoding, node.type.text, width)
        elif encoded_area != area:
            errors.encoding_area(self.reporter, node.name, encoding, area, encoded_area)

    def check_offset(self, node: syntax.VmcsField, size: int) -> None:
        """Report a field that is not in its page, or that shares a byte with another one."""
        offset = node.encoding.value
        if offset + size > PAGE:
            message = f"`{node.name.text}` ends at {offset + size:#x}"
            errors.out_of_range(self.reporter, node.encoding.span, message, f"a VMCB has {PAGE:#x} bytes")
            return
        taken = self.numbers.setdefault("offset", {})
        for byte in range(offset, offset + size):
            if byte in taken:
                message = f"byte {byte:#x} of the VMCB is taken"
                errors.duplicate_number(self.reporter, node.encoding.span, message, taken[byte])
                break
        taken.update({byte: node.encoding.span for byte in range(offset, offset + size) if byte not in taken})

    def check_kind(self, made: model.VmcsField) -> None:
        """Report fields by encoding and by offset in the facts of one processor."""
        first = next(iter(self.facts.vmcs.values()), made)
        if first.kind != made.kind:
            message = f"a processor with a {first.kind.upper()} has no {made.kind.upper()}"
            errors.duplicate_rule(self.reporter, made.span, message, first.span)

    def link_vmcs(self, node: syntax.Vmcs) -> None:
        """Resolve what must be on for a field to exist, once controls are known."""
        for field in node.fields:
            if field.needs:
                self.facts.field_needs[field.name.text] = resolve_condition(field.needs, self.facts, self.reporter)
                self.facts.field_needs_spans[field.name.text] = field.needs.span

    def add_controls(self, node: syntax.Controls, doc: model.Doc) -> None:
        """Add a control word and its controls."""
        width = 64 if node.allowed1_only else 32
        bits = make_bits(node.bits, width, f"`{node.name.text}`", self.reporter)
        nodes = {bit.name.text: bit for bit in node.bits}
        controls = tuple(self.make_control(node, nodes[bit.name], bit) for bit in bits)
        ranges = [one for one in node.default1 if self.check_range(one.low, one.high, width - 1, "bit of the word")]
        default1 = sum(1 << bit for one in ranges for bit in range(one.low.value, one.high.value + 1))
        word = model.ControlWord(
            node.name.text, node.field.text, node.msr.text if node.msr else "",
            node.true_msr.text if node.true_msr else None, node.allowed1_only, default1, controls, doc, node.name.span,
        )
        declare(self.facts.words, node.name, "control word", word, self.reporter)
        self.facts.controls.update({control.path: control for control in controls})

    def make_control(self, word: syntax.Controls, node: syntax.Bit, bit: model.Bit) -> model.Control:
        """Return a control; its needs come later."""
        needs_span = node.needs.span if node.needs else word.needs.span if word.needs else node.name.span
        return model.Control(word.name.text, bit.name, bit.low, bit.span, needs_span, make_doc(node.doc))

    def link_controls(self, node: syntax.Controls) -> None:
        """Resolve needs, which refer to controls of other words, once all are known."""
        self.find(self.facts.vmcs, node.field, "VMCS field")
        self.find(self.facts.msrs, node.msr, "MSR")
        self.find(self.facts.msrs, node.true_msr, "MSR")
        word = resolve_condition(node.needs, self.facts, self.reporter)
        self.facts.word_needs[node.name.text] = word
        for bit in node.bits:
            own = resolve_condition(bit.needs, self.facts, self.reporter)
            self.facts.control_needs[f"{node.name.text}.{bit.name.text}"] = AndCondition((word, own))

    def add_capabilities(self, node: syntax.Capabilities, doc: model.Doc) -> None:
        """Add a capability MSR."""
        bits = make_bits(node.bits, 64, f"`{node.name.text}`", self.reporter)
        self.take_name("table of capabilities", node.name)
        self.find(self.facts.msrs, node.msr, "MSR")
        needs = resolve_condition(node.needs, self.facts, self.reporter)
        table = model.CapabilityTable(node.name.text, node.msr.text, bits, doc, needs)
        self.facts.capabilities[node.name.text] = table


def resolve_condition(expr: syntax.Expr | str | None, facts: Facts, reporter: Reporter) -> ir.Condition:
    """Resolve a condition: None and "always" hold, and so does what was reported, so as not to report it again."""
    match expr:
        case None | "always":
            return ir.Always(True)
        case "never":
            return ir.Always(False)
        case syntax.Unary("not", operand):
            return ir.NotCondition(resolve_condition(operand, facts, reporter))
        case syntax.Binary("and", left, right):
            return ir.AndCondition(both(left, right, facts, reporter))
        case syntax.Binary("or", left, right):
            return ir.OrCondition(both(left, right, facts, reporter))
        case syntax.Member(syntax.NameExpr(root), name) if root.text == "cpuid":
            return resolve_feature(name, facts, reporter)
        case syntax.Member(syntax.NameExpr(root), name):
            return resolve_atom(root, name, facts, reporter)
        case syntax.MsrExpr(name) if name.text in facts.msrs:
            return ir.MsrAtom(name.text, name.span)
        case syntax.MsrExpr(name):
            errors.unknown_name(reporter, name, "MSR", facts.msrs)
        case _ if not isinstance(expr, str):
            message = "a condition is made of controls, tables, MSRs, and, or, not"
            help = "write a control as primary.hlt_exiting, a table as io.traps, an MSR as msr IA32_PAT"
            errors.type_mismatch(reporter, expr.span, message, "no condition", help)
    return ir.Always(True)


def both(
    left: syntax.Expr, right: syntax.Expr, facts: Facts, reporter: Reporter
) -> tuple[ir.Condition, ...]:
    """Resolve both sides of an operator."""
    return (resolve_condition(left, facts, reporter), resolve_condition(right, facts, reporter))


def resolve_atom(root: syntax.Name, name: syntax.Name, facts: Facts, reporter: Reporter) -> ir.Condition:
    """Resolve `word.control` or `table.property`."""
    path = f"{root.text}.{name.text}"
    if path in facts.controls:
        return ir.ControlAtom(path, root.span)
    if path in TABLES or (name.text == OWNED and is_ownable(root, facts)):
        return ir.TableAtom(path, root.span)
    if root.text in facts.words:
        known = [control.name for control in facts.words[root.text].controls]
        errors.unknown_name(reporter, name, f"control in `{root.text}`", known)
    else:
        roots = [*facts.words, *(table.split(".")[0] for table in TABLES), *facts.state]
        errors.unknown_name(reporter, root, "control word or table", roots)
    return ir.Always(True)


def resolve_feature(name: syntax.Name, facts: Facts, reporter: Reporter) -> ir.Condition:
    """Resolve `cpuid.feature`."""
    if name.text in facts.feature_bits:
        leaf, subleaf, register, bit = facts.feature_bits[name.text]
        return ir.FeatureAtom(name.text, leaf, subleaf, register, bit, name.span)
    errors.unknown_name(reporter, name, "CPUID feature", facts.feature_bits)
    return ir.Always(True)


def is_ownable(name: syntax.Name, facts: Facts) -> bool:
    """Return whether a register can have bits that the hypervisor owns."""
    return name.text in facts.state and facts.state[name.text].shadow is not None
