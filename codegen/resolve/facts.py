"""Facts: from declarations to tables by name. Names first, then what refers to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codegen import errors, syntax
from codegen.diagnostics import Reporter
from codegen.model import facts as model
from codegen.model.ir import AndCondition
from codegen.model.types import SCALARS, VMCS_TYPES
from codegen.resolve.conditions import resolve_condition
from codegen.resolve.docs import make_doc
from codegen.source import Span

WIDTHS = ("u16", "u64", "u32", "natural")
AREAS = ("control", "readonly", "guest", "host")
REGISTERS = ("eax", "ebx", "ecx", "edx")
MOST_FORWARDS = 31  # each is counted


def declare(table: dict[str, Any], name: syntax.Name, kind: str, value: Any, reporter: Reporter) -> None:
    """Enter a name, or say where it was taken."""
    if name.text in table:
        errors.duplicate_name(reporter, name, kind, table[name.text].span)
    else:
        table[name.text] = value


def check_number(taken: dict[int, Span], number: int, span: Span, what: str, reporter: Reporter) -> None:
    """Enter a number, or say where it was taken."""
    if number in taken:
        errors.duplicate_number(reporter, span, f"{what} is taken", taken[number])
    taken.setdefault(number, span)


def make_bits(bits: Iterable[syntax.Bit], width: int, what: str, reporter: Reporter) -> tuple[model.Bit, ...]:
    """Named bits: inside the width, each bit once, each name once."""
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
    """Named values of a range of bits: each name once, each value within the range."""
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


class FactResolver:
    """Collects declarations of facts into `facts`."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.facts = model.Facts()
        self.numbers: dict[str, dict[int, Span]] = {}
        self.places: dict[tuple[str, str], Span] = {}

    def take_number(self, kind: str, number: int, span: Span, what: str) -> None:
        """Enter a number among those of its kind."""
        check_number(self.numbers.setdefault(kind, {}), number, span, what, self.reporter)

    def take_name(self, kind: str, name: syntax.Name) -> None:
        """Say where a name was taken, for tables whose entries have no span."""
        first = self.places.setdefault((kind, name.text), name.span)
        if first != name.span:
            errors.duplicate_name(self.reporter, name, kind, first)

    def check_range(self, first: syntax.Number, last: syntax.Number, end: int, what: str) -> bool:
        """Whether first..last is a range within 0..end; said if not."""
        if first.value <= last.value <= end:
            return True
        shown = f"{first.text}..{last.text}" if last != first else first.text
        label = "an empty range" if last.value < first.value else f"the last one is {end:#x}"
        errors.out_of_range(self.reporter, first.span, f"{shown}: no {what} has such a number", label)
        return False

    def find(self, table: Mapping[str, Any], name: syntax.Name | None, kind: str) -> Any:
        """What a name means, or None after reporting."""
        if name is None:
            return None
        if name.text not in table:
            errors.unknown_name(self.reporter, name, kind, table)
        return table.get(name.text)

    def add_layout(self, node: syntax.Layout) -> None:
        """A layout of its own."""
        bits = make_bits(node.bits, 64, f"layout `{node.name.text}`", self.reporter)
        self.take_name("layout", node.name)
        self.facts.layouts[node.name.text] = model.Layout(node.name.text, bits)

    def add_vmcs(self, node: syntax.Vmcs, doc: model.Doc) -> None:
        """A group of fields."""
        if node.area.text not in AREAS:
            errors.unknown_name(self.reporter, node.area, "VMCS area", AREAS)
            return
        for field in node.fields:
            self.add_vmcs_field(field, node.area.text, node.name.text, doc)

    def add_vmcs_field(self, node: syntax.VmcsField, area: str, group: str, doc: model.Doc) -> None:
        """A field, held against its encoding."""
        if node.type.text not in VMCS_TYPES:
            errors.unknown_name(self.reporter, node.type, "type of a VMCS field", VMCS_TYPES)
            return
        self.check_encoding(node, area)
        type = VMCS_TYPES[node.type.text]
        layout = self.find(self.facts.layouts, node.layout, "layout")
        if node.bits:
            bits = make_bits(node.bits, type.bits, f"`{node.name.text}`", self.reporter)
            layout = model.Layout(node.name.text, bits)
        made = model.VmcsField(
            node.name.text, node.encoding.value, type, node.type.text == "natural", area, group, layout,
            make_doc(node.doc) if node.doc else doc, node.name.span,
        )
        declare(self.facts.vmcs, node.name, "VMCS field", made, self.reporter)

    def check_encoding(self, node: syntax.VmcsField, area: str) -> None:
        """SDM B: bits 14:13 are the width, 11:10 the area, 0 the high half."""
        encoding = node.encoding.value
        self.take_number("encoding", encoding, node.encoding.span, f"encoding {encoding:#06x}")
        width, encoded_area = WIDTHS[encoding >> 13 & 3], AREAS[encoding >> 10 & 3]
        if encoding >> 15 or encoding & 0x1001:
            message = f"{encoding:#06x} is no encoding of a field: bits 31:15, 12 and 0 are 0"
            errors.out_of_range(self.reporter, node.encoding.span, message, "no encoding")
        elif width != node.type.text:
            errors.encoding_width(self.reporter, node.name, encoding, node.type.text, width)
        elif encoded_area != area:
            errors.encoding_area(self.reporter, node.name, encoding, area, encoded_area)

    def link_vmcs(self, node: syntax.Vmcs) -> None:
        """What must be on for a field to exist: known when controls are."""
        for field in node.fields:
            if field.needs:
                self.facts.field_needs[field.name.text] = resolve_condition(field.needs, self.facts, self.reporter)
                self.facts.field_needs_spans[field.name.text] = field.needs.span

    def add_controls(self, node: syntax.Controls, doc: model.Doc) -> None:
        """A control word and its controls."""
        width = 64 if node.allowed1_only else 32
        bits = make_bits(node.bits, width, f"`{node.name.text}`", self.reporter)
        nodes = {bit.name.text: bit for bit in node.bits}
        controls = tuple(self.make_control(node, nodes[bit.name], bit) for bit in bits)
        ranges = [one for one in node.default1 if self.check_range(one.low, one.high, width - 1, "bit of the word")]
        default1 = sum(1 << bit for one in ranges for bit in range(one.low.value, one.high.value + 1))
        word = model.ControlWord(
            node.name.text, node.field.text, node.msr.text, node.true_msr.text if node.true_msr else None,
            node.allowed1_only, default1, controls, doc, node.name.span,
        )
        declare(self.facts.words, node.name, "control word", word, self.reporter)
        self.facts.controls.update({control.path: control for control in controls})

    def make_control(self, word: syntax.Controls, node: syntax.Bit, bit: model.Bit) -> model.Control:
        """A control; its needs come later."""
        needs_span = node.needs.span if node.needs else word.needs.span if word.needs else node.name.span
        return model.Control(word.name.text, bit.name, bit.low, bit.span, needs_span, make_doc(node.doc))

    def link_controls(self, node: syntax.Controls) -> None:
        """Needs refer to controls of other words, so they come when all are known."""
        self.find(self.facts.vmcs, node.field, "VMCS field")
        self.find(self.facts.msrs, node.msr, "MSR")
        self.find(self.facts.msrs, node.true_msr, "MSR")
        word = resolve_condition(node.needs, self.facts, self.reporter)
        self.facts.word_needs[node.name.text] = word
        for bit in node.bits:
            own = resolve_condition(bit.needs, self.facts, self.reporter)
            self.facts.control_needs[f"{node.name.text}.{bit.name.text}"] = AndCondition((word, own))

    def add_capabilities(self, node: syntax.Capabilities, doc: model.Doc) -> None:
        """A capability MSR."""
        bits = make_bits(node.bits, 64, f"`{node.name.text}`", self.reporter)
        self.take_name("table of capabilities", node.name)
        self.find(self.facts.msrs, node.msr, "MSR")
        self.facts.capabilities[node.name.text] = model.CapabilityTable(node.name.text, node.msr.text, bits, doc)

    def add_msrs(self, node: syntax.Msrs) -> None:
        """Classes first."""
        for group in node.classes:
            self.take_name("MSR class", group.name)
            self.facts.msr_classes[group.name.text] = group.title.value

    def link_msrs(self, node: syntax.Msrs) -> None:
        """The MSRs of those classes."""
        for msr in node.msrs:
            self.add_msr(msr)

    def add_msr(self, node: syntax.Msr) -> None:
        """An MSR or a bank."""
        self.find(self.facts.msr_classes, node.group, "MSR class")
        if not self.check_range(node.first, node.last, 0xFFFFFFFF, "MSR"):
            return
        for number in range(node.first.value, min(node.last.value, node.first.value + 4096) + 1):
            self.take_number("msr", number, node.name.span, f"MSR {number:#x}")
        made = model.Msr(
            node.name.text, node.first.value, node.last.value, node.group.text,
            node.guarded.value if node.guarded else "", self.make_switch(node.switched), make_doc(node.doc),
            node.name.span,
        )
        declare(self.facts.msrs, node.name, "MSR", made, self.reporter)

    def make_switch(self, node: syntax.Switched | None) -> model.SwitchFields | None:
        """How VMX switches it."""
        if node is None:
            return None
        self.find(self.facts.vmcs, node.guest, "VMCS field")
        self.find(self.facts.vmcs, node.host, "VMCS field")
        controls = []
        for how, reference in node.parts:
            path = ".".join(name.text for name in reference.names)
            if path not in self.facts.controls:
                errors.unknown_name(self.reporter, reference.names[-1], "control", self.facts.controls)
            controls.append((how, path))
        return model.SwitchFields(node.guest.text, node.host.text if node.host else None, tuple(controls))

    def add_vectors(self, node: syntax.Vectors) -> None:
        """Exceptions."""
        for vector in node.vectors:
            self.check_range(vector.number, vector.number, 31, "exception")
            self.take_number("vector", vector.number.value, vector.number.span, f"vector {vector.number.value}")
            traits = tuple(trait.text for trait in vector.traits)
            made = model.Vector(vector.number.value, vector.name.text, traits, vector.name.span)
            declare(self.facts.vectors, vector.name, "vector", made, self.reporter)

    def add_ports(self, node: syntax.Ports) -> None:
        """Ports."""
        for port in node.ports:
            if not self.check_range(port.first, port.last, 0xFFFF, "port"):
                continue
            made = model.Port(port.name.text, port.first.value, port.last.value, port.name.span)
            declare(self.facts.ports, port.name, "port", made, self.reporter)

    def add_errnos(self, node: syntax.Errnos) -> None:
        """Error numbers."""
        for one in node.errnos:
            self.take_number("errno", one.number.value, one.number.span, f"errno {one.number.value}")
            self.take_name("error number", one.name)
            self.facts.errnos[one.name.text] = model.Errno(one.number.value, one.name.text, one.text.value)

    def add_forwards(self, node: syntax.Forwards) -> None:
        """Reasons to come back to a VMM."""
        for one in node.forwards:
            if not self.check_range(one.number, one.number, MOST_FORWARDS, "reason to come back"):
                continue
            self.take_number("forward", one.number.value, one.number.span, f"reason {one.number.value}")
            self.take_name("reason to come back", one.name)
            self.facts.forwards[one.name.text] = model.Errno(one.number.value, one.name.text, one.text.value)

    def add_state(self, node: syntax.State) -> None:
        """Guest state."""
        for field in node.fields:
            self.add_state_field(field)

    def add_state_field(self, node: syntax.StateField) -> None:
        """One name and where its value lives."""
        vmcs = self.find(self.facts.vmcs, node.field, "VMCS field")
        type = SCALARS.get(node.type.text) if node.type else vmcs.type if vmcs else None
        if type is None:
            if node.type:
                errors.unknown_name(self.reporter, node.type, "type", SCALARS)
            return
        layout = self.find(self.facts.layouts, node.layout, "layout")
        number = node.register or node.index
        if number:
            self.check_range(number, number, 15, "general register")
        made = model.StateField(
            node.name.text, type, number.value if number else None, node.field.text if node.field else None,
            layout, node.name.span,
        )
        declare(self.facts.state, node.name, "guest state", made, self.reporter)

    def link_cpuid(self, node: syntax.Cpuid, doc: model.Doc) -> None:
        """A leaf and its features."""
        for register in node.registers:
            if register.name.text not in REGISTERS:
                errors.unknown_name(self.reporter, register.name, "CPUID register", REGISTERS)
        if not self.check_range(node.first, node.last, 0xFFFFFFFF, "CPUID leaf"):
            return
        kinds = tuple((one.name.text, "value" if one.bits is None else "features") for one in node.registers)
        leaf = model.CpuidLeaf(node.first.value, node.last.value, node.subleaves, kinds, doc, node.first.span)
        for other in self.facts.leaves:
            if leaves_overlap(leaf, other):
                message = f"CPUID leaf {node.first.value:#x} is taken"
                errors.duplicate_number(self.reporter, node.first.span, message, other.span)
        self.facts.leaves.append(leaf)
        for register in node.registers:
            self.add_features(leaf, register)

    def add_features(self, leaf: model.CpuidLeaf, register: syntax.CpuidRegister) -> None:
        """The features of one register."""
        bits = make_bits(register.bits or (), 32, f"`{register.name.text}` of leaf {leaf.first:#x}", self.reporter)
        nodes = {bit.name.text: bit for bit in register.bits or ()}
        for bit in bits:
            node = nodes[bit.name]
            needs = resolve_condition(node.needs, self.facts, self.reporter)
            feature = model.Feature(
                bit.name, leaf, register.name.text, bit.low, bit.high, needs, self.find_mirror(node.mirrors),
                bit.span, node.needs.span if node.needs else bit.span, make_doc(node.doc),
            )
            declare(self.facts.features, node.name, "CPUID feature", feature, self.reporter)

    def find_mirror(self, expr: syntax.Expr | None) -> tuple[str, model.Bit] | None:
        """`cr4.osxsave`: a bit of guest state that the feature follows."""
        if expr is None:
            return None
        match expr:
            case syntax.Member(syntax.NameExpr(root), name):
                state = self.find(self.facts.state, root, "guest state")
                bit = state.layout.find(name.text) if state and state.layout else None
                if bit:
                    return (root.text, bit)
                if state:
                    known = [one.name for one in state.layout.bits] if state.layout else []
                    errors.unknown_name(self.reporter, name, f"bit of `{root.text}`", known)
            case _:
                message = "a mirror is a bit of guest state"
                errors.type_mismatch(self.reporter, expr.span, message, "no such bit", "write it as cr4.osxsave")
        return None


def leaves_overlap(a: model.CpuidLeaf, b: model.CpuidLeaf) -> bool:
    """Whether two leaves share a leaf and a subleaf."""
    if a.last < b.first or b.last < a.first:
        return False
    if a.subleaves is None or b.subleaves is None:
        return True
    return a.subleaves[0] <= b.subleaves[1] and b.subleaves[0] <= a.subleaves[1]
