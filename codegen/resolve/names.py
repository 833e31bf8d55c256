"""What a name means at a place: locals, constants, and the roots `guest`, `vmcs`, `e`, control words, layouts."""

from __future__ import annotations

from codegen import errors
from codegen.language import syntax
from codegen.model import ir
from codegen.model.entry_checks import PREDICATES
from codegen.model.events import needed_controls
from codegen.model.facts import Bit, CapabilityTable, ControlWord, Facts, Layout
from codegen.model.types import BOOL, SCALARS, U64, StructType, scalar_for
from codegen.resolve.scope import Scope

ENTRY_ROOTS = ("cpuid", *PREDICATES)
# Values of other languages, and what to write here.
TRUTHS = ("true", "false", "True", "False", "TRUE", "FALSE")
TRUTH = "a comparison gives a bool; a bool that does not change is bool(1) or bool(0)"
FOREIGN = {
    **dict.fromkeys(TRUTHS, TRUTH),
    **dict.fromkeys(("null", "NULL", "nil", "None", "nullptr"), "there are no pointers: write 0"),
}


def resolve_name(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve a local, a constant, an MSR; in facts a VMCS field."""
    if name.text in scope.locals:
        return scope.locals[name.text]
    if name.text in scope.constants:
        value, type, _ = scope.constants[name.text]
        return ir.Constant(value, type, name.text)
    if name.text in scope.facts.msrs:
        return resolve_msr(name, scope)
    if scope.mode in ("fact", "entry") and name.text in scope.facts.vmcs:
        field = scope.facts.vmcs[name.text]
        return ir.VmcsRead(field, field.type)
    known = [*scope.locals, *scope.constants, *scope.facts.msrs, *known_roots(scope)]
    errors.unknown_name(scope.reporter, name, "value", known, FOREIGN.get(name.text, ""))
    return ir.Constant(0, BOOL) if name.text in TRUTHS else None


def resolve_msr(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Return an MSR's number, by its name; in an entry check what it holds."""
    msr = scope.facts.msrs.get(name.text)
    if msr is None:
        errors.unknown_name(scope.reporter, name, "MSR", scope.facts.msrs)
        return None
    if scope.mode == "entry":
        return ir.MsrRead(name.text)
    return ir.Constant(msr.first, SCALARS["u32"], name.text)


def known_roots(scope: Scope) -> list[str]:
    """Return what a name could have meant."""
    if scope.mode == "fact":
        return [*scope.facts.information, "guest", *scope.facts.vmcs]
    if scope.mode == "entry":
        return [*ENTRY_ROOTS, *scope.facts.vmcs, *scope.facts.words, *scope.facts.capabilities]
    return ["guest", "vmcs", "policy", scope.binder, *scope.externs, *scope.facts.words]


def resolve_rooted(root: syntax.Name, name: syntax.Name, scope: Scope) -> tuple[ir.Expression | None, bool]:
    """Return the value, and whether `root` is a root at all; locals hide roots."""
    if root.text in scope.locals:
        return None, False
    if scope.mode == "entry":
        return resolve_entry_member(root, name, scope)
    if root.text == "guest":
        return resolve_guest(name, scope), True
    if root.text in scope.facts.information and scope.mode == "fact":
        return resolve_exit_layout(root, name, scope), True
    if root.text == "vmcs" and scope.mode == "body":
        return resolve_vmcs(name, scope), True
    if scope.binder and root.text == scope.binder:
        return resolve_payload(name, scope), True
    if root.text in scope.facts.words and scope.mode == "body":
        return resolve_control(root, name, scope), True
    if lacks_binder(root, scope):
        help = f"name the event's payload: on {scope.event}({root.text}) {{ ... }}"
        help = help if scope.payload else f"`{scope.event}` has no payload"
        errors.unknown_name(scope.reporter, root, "value", (), help)
        return None, True
    return None, False


def lacks_binder(root: syntax.Name, scope: Scope) -> bool:
    """Return whether a handler reads a payload to which it gives no name."""
    known = (scope.locals, scope.constants, scope.facts.layouts, scope.facts.msrs)
    return bool(scope.event) and not scope.binder and root.text == "e" and not any(root.text in one for one in known)


def resolve_guest(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve `guest.NAME`."""
    field = scope.facts.state.get(name.text)
    if field is None:
        errors.unknown_name(scope.reporter, name, "guest state", scope.facts.state)
        return None
    return ir.GuestRead(field, field.type)


def resolve_vmcs(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve `vmcs.NAME`, if it is valid in every exit."""
    field = scope.facts.vmcs.get(name.text)
    if field is None:
        errors.unknown_name(scope.reporter, name, "VMCS field", scope.facts.vmcs)
        return None
    if field.area == "readonly":
        message = f"`{name.text}` is valid only in some exits, and a body cannot know which"
        help = f"use what the event carries: {scope.binder or 'on ' + scope.event + '(e): e'}.NAME"
        errors.not_valid_here(scope.reporter, name.span, message, help)
        return None
    return ir.VmcsRead(field, field.type)


def resolve_payload(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve `e.NAME`."""
    type = scope.payload.get(name.text)
    if type is None:
        errors.unknown_name(scope.reporter, name, f"field of event `{scope.event}`", scope.payload)
        return None
    return ir.PayloadRead(name.text, type)


def resolve_control(word: syntax.Name, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve `word.NAME`: whether this processor granted the control."""
    path = f"{word.text}.{name.text}"
    if path not in scope.facts.controls:
        known = [control.name for control in scope.facts.words[word.text].controls]
        errors.unknown_name(scope.reporter, name, f"control in `{word.text}`", known)
        return None
    return ir.ControlRead(path)


def resolve_exit_layout(root: syntax.Name, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve `WORD.NAME`: bits of a word of information, by the layout that the exit has for it."""
    layout = scope.layouts.get(root.text)
    if layout is None:
        message = f"exit `{scope.exit_name}` declares no layout of its {root.text}"
        errors.not_valid_here(scope.reporter, root.span, message, f"say which: {root.text} LAYOUT")
        return None
    field = scope.facts.vmcs.get(scope.facts.information[root.text].field)
    bit = layout.find(name.text)
    if bit is None or field is None:
        errors.unknown_name(scope.reporter, name, f"bit of layout `{layout.name}`", [bit.name for bit in layout.bits])
        return None
    return named_bits(ir.VmcsRead(field, field.type), layout, bit)


def is_enumerator(expr: syntax.Member, scope: Scope) -> bool:
    """Return whether it is `layout.bit.value`."""
    base = expr.base
    return (
        isinstance(base, syntax.Member)
        and isinstance(base.base, syntax.NameExpr)
        and base.base.name.text in scope.facts.layouts
        and base.base.name.text not in scope.locals
    )


def resolve_enumerator(expr: syntax.Member, scope: Scope) -> ir.Expression | None:
    """Resolve `layout.bit.value`: a number by its name."""
    assert isinstance(expr.base, syntax.Member) and isinstance(expr.base.base, syntax.NameExpr)
    layout = scope.facts.layouts[expr.base.base.name.text]
    bit = layout.find(expr.base.name.text)
    if bit is None:
        known = [one.name for one in layout.bits]
        errors.unknown_name(scope.reporter, expr.base.name, f"bit of layout `{layout.name}`", known)
        return None
    values = dict(bit.values)
    if expr.name.text not in values:
        errors.unknown_name(scope.reporter, expr.name, f"value of `{layout.name}.{bit.name}`", values)
        return None
    constant = f"{layout.name}_{bit.name}_{expr.name.text}".upper()
    return ir.Constant(values[expr.name.text], scalar_for(bit.width), constant)


def named_bits(base: ir.Expression, layout: Layout, bit: Bit) -> ir.Expression:
    """Return a layout's bit, with the name that its constant has."""
    name = f"{layout.name}_{bit.name}".upper().rstrip("_")
    return ir.Bits(base, bit.low, bit.high, scalar_for(bit.width), name)


def resolve_layout_bit(base: ir.Expression, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve a named bit of a value."""
    layout = ir.layout_of(base)
    bit = layout.find(name.text) if layout else None
    if bit is None or layout is None:
        known = [one.name for one in layout.bits] if layout else []
        kind = f"bit of layout `{layout.name}`" if layout else "field of this value"
        errors.unknown_name(scope.reporter, name, kind, known)
        return None
    return named_bits(base, layout, bit)


def resolve_struct_field(
    base: ir.Expression, type: StructType, name: syntax.Name, scope: Scope
) -> ir.Expression | None:
    """Resolve a field of a struct."""
    field = type.find(name.text)
    if field is None:
        errors.unknown_name(scope.reporter, name, f"field of struct `{type.name}`", [one for one, _ in type.fields])
        return None
    return ir.Field(base, name.text, field)


def resolve_entry_member(root: syntax.Name, name: syntax.Name, scope: Scope) -> tuple[ir.Expression | None, bool]:
    """Return the value of `word.control`, `table.bit`, `cpuid.feature`, and whether `root` is one of these at all."""
    facts = scope.facts
    if root.text in facts.words:
        return read_control(root, name, scope), True
    if root.text in facts.capabilities:
        return read_capability(facts.capabilities[root.text], name, scope), True
    if root.text == "cpuid":
        return read_feature(name, scope), True
    return None, False


def read_control(word: syntax.Name, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Return a control's bit, and 0 where its word is not active."""
    path = f"{word.text}.{name.text}"
    if path not in scope.facts.controls:
        known = [control.name for control in scope.facts.words[word.text].controls]
        errors.unknown_name(scope.reporter, name, f"control in `{word.text}`", known)
        return None
    return control_value(path, scope.facts)


def control_value(path: str, facts: Facts) -> ir.Expression:
    """Return the bit, and what activates its word."""
    control = facts.controls[path]
    bit: ir.Expression = ir.Bits(word_value(facts.words[control.word], facts), control.bit, control.bit, BOOL)
    for atom in needed_controls(facts.word_needs[control.word]):
        bit = ir.Operation("and", control_value(atom, facts), bit, BOOL)
    return bit


def word_value(word: ControlWord, facts: Facts) -> ir.Expression:
    """Return a control word, as the VMCS has it; one whose field is unknown has been reported."""
    field = facts.vmcs.get(word.field)
    return ir.VmcsRead(field, field.type) if field else ir.Constant(0, U64)


def read_capability(table: CapabilityTable, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Return bits of a capability MSR."""
    bit = next((one for one in table.bits if one.name == name.text), None)
    if bit is None:
        errors.unknown_name(scope.reporter, name, f"bit of `{table.name}`", [one.name for one in table.bits])
        return None
    return ir.Bits(ir.MsrRead(table.msr), bit.low, bit.high, scalar_for(bit.width))


def read_feature(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Return whether the processor has a feature."""
    feature = scope.facts.features.get(name.text)
    if feature is None:
        errors.unknown_name(scope.reporter, name, "CPUID feature", scope.facts.features)
        return None
    return ir.FeatureRead(feature)


def make_allowed(word: ControlWord, facts: Facts) -> ir.Expression:
    """Check a word against the TRUE capability MSR where the processor has it. SDM: A.2"""
    value = word_value(word, facts)
    plain = ask_allowed(value, word.msr, word.allowed1_only)
    true = facts.extensions.true if facts.extensions else None
    if word.true_msr is None or true is None:
        return plain
    table, bit = true
    has_true = ir.Bits(ir.MsrRead(facts.capabilities[table].msr), bit.low, bit.high, BOOL)
    lacks_true = ir.UnaryOperation("not", has_true, BOOL)
    exact = ir.Operation("and", has_true, ask_allowed(value, word.true_msr, False), BOOL)
    return ir.Operation("or", exact, ir.Operation("and", lacks_true, plain, BOOL), BOOL)


def ask_allowed(value: ir.Expression, msr: str, only_ones: bool) -> ir.Expression:
    """Ask `allowed`: ones and zeros by the halves of the MSR; or `allowed_ones`: a 64-bit word by the whole."""
    name = "allowed_ones" if only_ones else "allowed"
    return ir.Predicate(name, (ir.Cast(value, U64), ir.MsrRead(msr)))
