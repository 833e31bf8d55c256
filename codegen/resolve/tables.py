"""Tables of facts by name: MSRs, guest state, CPUID, vectors, ports and error numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from codegen import errors
from codegen.language import syntax
from codegen.model import facts as model
from codegen.model import ir
from codegen.model.types import SCALARS
from codegen.resolve.declarations import declare, make_doc
from codegen.resolve.facts import FactResolver, make_bits, resolve_condition
from codegen.source import Span

REGISTERS = ("eax", "ebx", "ecx", "edx")
STRIDES = (1, 2, 4, 8)
DIRECTIONS, BITMAPS = ("read", "write", "access"), ("msr", "io")
MAX_ERRNO = 4095  # as in Linux
MAX_FORWARDS = 31  # each is counted


class TableResolver(FactResolver):
    """Collect all facts: these tables beside the VMCS and its controls."""

    def add_msrs(self, node: syntax.Msrs) -> None:
        """Add the classes of MSRs."""
        for group in node.classes:
            self.take_name("MSR class", group.name)
            self.facts.msr_classes[group.name.text] = group.title.value

    def link_msrs(self, node: syntax.Msrs) -> None:
        """Add the MSRs of those classes."""
        for msr in node.msrs:
            self.add_msr(msr)

    def add_msr(self, node: syntax.Msr) -> None:
        """Add an MSR or a bank."""
        self.find(self.facts.msr_classes, node.group, "MSR class")
        if not self.check_range(node.first, node.last, 0xFFFFFFFF, "MSR"):
            return
        for number in range(node.first.value, min(node.last.value, node.first.value + 4096) + 1):
            self.take_number("msr", number, node.name.span, f"MSR {number:#x}")
        made = model.Msr(
            node.name.text, node.first.value, node.last.value, node.group.text,
            node.guarded.value if node.guarded else "", None, make_doc(node.doc), node.name.span,
        )
        declare(self.facts.msrs, node.name, "MSR", made, self.reporter)

    def link_switched(self, node: syntax.SwitchedMsrs) -> None:
        """Add how MSRs are switched."""
        for one in node.msrs:
            self.take_name("switched MSR", one.msr)
            msr = self.find(self.facts.msrs, one.msr, "MSR")
            if msr:
                self.facts.msrs[msr.name] = replace(msr, switched=self.make_switch(one))

    def make_switch(self, node: syntax.Switched) -> model.SwitchFields:
        """Return the fields and controls that switch an MSR."""
        self.find(self.facts.vmcs, node.guest, "VMCS field")
        self.find(self.facts.vmcs, node.host, "VMCS field")
        controls = []
        for how, reference in node.parts:
            controls.append((how, self.find_control(reference)))
        host = node.host.text if node.host else None
        return model.SwitchFields(node.guest.text, host, tuple(controls), node.msr.span)

    def find_control(self, reference: syntax.Reference | None) -> str:
        """Return the path of a control, or nothing where none is named."""
        if reference is None:
            return ""
        path = ".".join(name.text for name in reference.names)
        if path not in self.facts.controls:
            errors.unknown_name(self.reporter, reference.names[-1], "control", self.facts.controls)
        return path

    def add_vectors(self, node: syntax.Vectors) -> None:
        """Add exceptions."""
        for vector in node.vectors:
            self.check_range(vector.number, vector.number, 31, "exception")
            self.take_number("vector", vector.number.value, vector.number.span, f"vector {vector.number.value}")
            traits = tuple(trait.text for trait in vector.traits)
            made = model.Vector(vector.number.value, vector.name.text, traits, vector.name.span)
            declare(self.facts.vectors, vector.name, "vector", made, self.reporter)

    def add_ports(self, node: syntax.Ports) -> None:
        """Add ports."""
        for port in node.ports:
            if not self.check_range(port.first, port.last, 0xFFFF, "port"):
                continue
            made = model.Port(port.name.text, port.first.value, port.last.value, port.name.span)
            declare(self.facts.ports, port.name, "port", made, self.reporter)

    def add_errnos(self, node: syntax.Errnos) -> None:
        """Add error numbers."""
        for one in node.errnos:
            if not 0 < one.number.value <= MAX_ERRNO:
                message = f"{one.number.text}: no error has such a number"
                errors.out_of_range(self.reporter, one.number.span, message, f"1 to {MAX_ERRNO}; 0 is success")
            self.take_number("errno", one.number.value, one.number.span, f"errno {one.number.value}")
            self.take_name("error number", one.name)
            self.facts.errnos[one.name.text] = model.Errno(one.number.value, one.name.text, one.text.value)

    def add_forwards(self, node: syntax.Forwards) -> None:
        """Add reasons for exits to a VMM."""
        for one in node.forwards:
            if not self.check_range(one.number, one.number, MAX_FORWARDS, "exit reason for the VMM"):
                continue
            self.take_number("forward", one.number.value, one.number.span, f"reason {one.number.value}")
            self.take_name("exit reason for the VMM", one.name)
            self.facts.forwards[one.name.text] = model.Errno(one.number.value, one.name.text, one.text.value)

    def add_bitmap(self, node: syntax.Bitmap, doc: model.Doc) -> None:
        """Add a bitmap, the ranges of which lie in it and do not overlap."""
        size = node.size.value
        places: list[Span] = []
        ranges: list[model.BitmapRange] = []
        for one in node.ranges:
            if one.direction.text not in DIRECTIONS:
                errors.unknown_name(self.reporter, one.direction, "direction of accesses", DIRECTIONS)
            if not self.check_range(one.first, one.last, 0xFFFFFFFF, "access"):
                continue
            made = make_range(one)
            if made.stride not in STRIDES or made.start >= made.stride:
                message = f"bits that are {made.stride} apart from bit {made.start} on"
                errors.out_of_range(self.reporter, one.offset.span, message, "1, 2, 4 or 8 apart")
                continue
            if made.offset + made.size > size:
                message = f"the range ends at byte {made.offset + made.size:#x}"
                errors.out_of_range(self.reporter, one.offset.span, message, f"the bitmap has {size:#x} bytes")
                continue
            for other, place in zip(ranges, places, strict=True):
                if made.overlaps(other):
                    message = f"byte {max(made.offset, other.offset):#x} of `{node.name.text}` is taken"
                    errors.duplicate_number(self.reporter, one.offset.span, message, place)
            ranges.append(made)
            places.append(one.offset.span)
        if node.name.text not in BITMAPS:
            errors.unknown_name(self.reporter, node.name, "bitmap of accesses", BITMAPS)
        used, otherwise = (self.find_control(one) for one in (node.used, node.otherwise))
        made_map = model.Bitmap(node.name.text, size, tuple(ranges), node.name.span, doc, used, otherwise)
        declare(self.facts.bitmaps, node.name, "bitmap", made_map, self.reporter)

    def add_state(self, node: syntax.State) -> None:
        """Add guest state, or host state."""
        host = node.name.text == "host"
        table, kind = (self.facts.host, "host state") if host else (self.facts.state, "guest state")
        for field in node.fields:
            self.add_state_field(field, table, kind)

    def add_state_field(self, node: syntax.StateField, table: dict[str, model.StateField], kind: str) -> None:
        """Add one name and where its value is kept."""
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
            layout, node.name.span, node.shadow.text if node.shadow else None,
        )
        self.find(self.facts.vmcs, node.shadow, "VMCS field")
        declare(table, node.name, kind, made, self.reporter)

    def name_features(self, node: syntax.Cpuid) -> None:
        """Remember where features are, for conditions that ask for one before all are known."""
        for register in node.registers:
            for bit in register.bits or ():
                place = (node.first.value, (node.subleaves or (0, 0))[0], register.name.text, bit.low.value)
                self.facts.feature_bits[bit.name.text] = place

    def link_cpuid(self, node: syntax.Cpuid, doc: model.Doc) -> None:
        """Add a leaf and its features."""
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
        """Add the features of one register."""
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

    def link_features(self, node: syntax.FeatureNeeds) -> None:
        """Add what this processor asks for features."""
        for one in node.features:
            self.take_name("feature", one.feature)
            feature = self.find(self.facts.features, one.feature, "CPUID feature")
            own = resolve_condition(one.needs, self.facts, self.reporter)
            if feature:
                needs = own if feature.needs == ir.Always(True) else ir.AndCondition((own, feature.needs))
                made = replace(feature, needs=needs, own=own, own_span=one.needs.span)
                self.facts.features[feature.name] = made

    def add_extensions(self, node: syntax.Processor) -> None:
        """Add what decides about the processor's extensions, which is declared once."""
        if self.facts.extensions:
            errors.duplicate_rule(self.reporter, node.span, "facts are of one processor", self.facts.extensions.span)
        self.find(self.facts.features, node.feature, "CPUID feature")
        feature = node.feature.text if node.feature else ""
        encoding = self.find(self.facts.layouts, node.encoding, "layout")
        lock, true = self.find_lock(node), self.find_true(node)
        made = model.Extensions(node.title.value, feature, lock, true, encoding, node.span)
        self.facts = replace(self.facts, extensions=made)

    def find_lock(self, node: syntax.Processor) -> model.Lock | None:
        """Return the bit by which firmware allows the extensions."""
        if node.lock is None:
            return None
        msr, layout_name, bit_name, text = node.lock
        layout = self.find(self.facts.layouts, layout_name, "layout")
        bit = self.find_bit(layout.bits, bit_name, f"layout `{layout.name}`") if layout else None
        return model.Lock(msr.text, bit, text.value) if self.find(self.facts.msrs, msr, "MSR") and bit else None

    def find_true(self, node: syntax.Processor) -> tuple[str, model.Bit] | None:
        """Return the bit without which there are no TRUE capability MSRs."""
        table = self.find(self.facts.capabilities, node.true[0], "table of capabilities") if node.true else None
        bit = self.find_bit(table.bits, node.true[1], f"`{table.name}`") if node.true and table else None
        return (table.name, bit) if table and bit else None

    def find_bit(self, bits: Iterable[model.Bit], name: syntax.Name, what: str) -> model.Bit | None:
        """Return a bit by name, or None after reporting."""
        known = {bit.name: bit for bit in bits}
        found: model.Bit | None = self.find(known, name, f"bit of {what}")
        return found

    def find_mirror(self, expr: syntax.Expr | None) -> tuple[str, model.Bit] | None:
        """Return the bit of guest state that a feature follows, as in `cr4.osxsave`."""
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


def make_range(node: syntax.BitmapRange) -> model.BitmapRange:
    """Return the bits of a range."""
    stride, start = node.every or (None, None)
    return model.BitmapRange(
        node.offset.value, node.direction.text, node.first.value, node.last.value,
        stride.value if stride else 1, start.value if start else 0,
    )


def leaves_overlap(a: model.CpuidLeaf, b: model.CpuidLeaf) -> bool:
    """Return whether two leaves share a leaf and a subleaf."""
    if a.last < b.first or b.last < a.first:
        return False
    if a.subleaves is None or b.subleaves is None:
        return True
    return a.subleaves[0] <= b.subleaves[1] and b.subleaves[0] <= a.subleaves[1]
