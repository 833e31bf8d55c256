"""`cpuid { ... }`: which features the guest sees, and leaves that the hypervisor adds."""

from __future__ import annotations

from codegen import errors
from codegen.language import syntax
from codegen.model import choices, ir
from codegen.model.facts import Feature
from codegen.model.types import U32
from codegen.resolve.expressions import resolve_value
from codegen.resolve.scope import Scope
from codegen.source import Span

LETTERS = 12


def resolve_cpuid(node: syntax.DomainCpuid, scope: Scope) -> choices.CpuidPolicy:
    """Return the CPUID policy; a later rule overrides an earlier one."""
    shown: dict[str, Feature] = {}
    forced: dict[str, Feature] = {}
    places: dict[str, Span] = {}
    for rule in node.rules:
        for name, feature, place in find_features(rule, scope):
            places[name] = place
            if rule.how == "hide":
                shown.pop(name, None)
                forced.pop(name, None)
                continue
            shown[name] = feature
            if rule.how == "show":
                forced[name] = feature
    own = make_own_leaves(node, scope)
    leaves = tuple(scope.facts.leaves)
    return choices.CpuidPolicy(tuple(shown.values()), tuple(forced.values()), leaves, own, node.span, places)


def find_features(rule: syntax.CpuidRule, scope: Scope) -> list[tuple[str, Feature, Span]]:
    """Return what a rule names, and where; `pass known` is every feature that has a fact."""
    features = scope.facts.features
    found: list[tuple[str, Feature, Span]] = []
    for name in rule.names:
        if name.text == "known" and rule.how == "pass":
            found += [(one, feature, name.span) for one, feature in features.items()]
        elif name.text in features:
            found.append((name.text, features[name.text], name.span))
        elif name.text not in scope.facts.foreign_features:
            errors.unknown_name(scope.reporter, name, "CPUID feature", sorted(scope.facts.foreign_features))
    return found


def make_own_leaves(node: syntax.DomainCpuid, scope: Scope) -> tuple[tuple[int, tuple[int, int, int, int]], ...]:
    """Return the added leaves, each once and none that the processor has."""
    made: dict[int, tuple[int, int, int, int]] = {}
    places: dict[int, Span] = {}
    for leaf in node.leaves:
        number = leaf.leaf.value
        fact = next((one.span for one in scope.facts.leaves if one.first <= number <= one.last), None)
        taken = places.get(number) or fact
        if taken:
            errors.duplicate_number(scope.reporter, leaf.leaf.span, f"CPUID leaf {number:#x} is taken", taken)
        elif number >> 32:
            errors.out_of_range(scope.reporter, leaf.leaf.span, f"{number:#x} is no CPUID leaf", "leaves have 32 bits")
        places.setdefault(number, leaf.leaf.span)
        made[number] = make_own_leaf(leaf, scope)
    return tuple(made.items())


def make_own_leaf(node: syntax.CpuidLeaf, scope: Scope) -> tuple[int, int, int, int]:
    """Return EAX, EBX, ECX, EDX; a `name` of 12 letters fills the last three."""
    values = {"eax": 0, **dict(zip(("ebx", "ecx", "edx"), spell(node.text, scope), strict=True))}
    for name, expr in node.registers:
        value = resolve_value(expr, scope, U32)
        if name.text not in values:
            errors.unknown_name(scope.reporter, name, "CPUID register", values)
        elif isinstance(value, ir.Constant):
            values[name.text] = value.value
    return (values["eax"], values["ebx"], values["ecx"], values["edx"])


def spell(text: syntax.Text | None, scope: Scope) -> tuple[int, int, int]:
    """Return twelve letters as three registers, the first letter lowest."""
    if text is None:
        return (0, 0, 0)
    letters = text.value.encode("ascii", "replace")
    if len(letters) != LETTERS or not text.value.isascii():
        message = f'the name "{text.value}" does not fill a leaf: it takes {LETTERS} ASCII letters'
        errors.out_of_range(scope.reporter, text.span, message, f"{len(letters)} letters")
    words = [letters[index : index + 4] for index in (0, 4, 8)]
    return (to_word(words[0]), to_word(words[1]), to_word(words[2]))


def to_word(letters: bytes) -> int:
    """Return four letters as a register has them."""
    return int.from_bytes(letters, "little")
