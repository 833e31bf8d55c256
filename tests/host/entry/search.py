"""A local search, repeatable by its seed, for VMCS states that keep or violate one rule and violate no other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from codegen.model import ir
from codegen.model.entry_checks import EntryRule
from codegen.model.facts import Facts, VmcsField
from tests.lib.entry_rules import Processor, State, evaluate, rule_holds

ROUNDS, STEPS = 3, 150
OTHER_SIDE, IDLE = 1000, 100


@dataclass(frozen=True)
class Atom:
    """Bits of a field that a rule reads, and numbers that it compares them with."""

    field: VmcsField
    low: int
    high: int


@dataclass(frozen=True)
class Found:
    """A state, and the other rules that it violates."""

    fields: dict[str, int]
    broken: frozenset[str]
    cost: int


class Searcher:
    """Rules by the fields that they read, so that after a change only those rules are evaluated that it can affect."""

    def __init__(self, facts: Facts, processor: Processor, bases: dict[str, dict[str, int]]) -> None:
        self.processor, self.bases = processor, bases
        self.rules = facts.entry_rules
        self.atoms = {name: tuple(find_atoms((rule.when, rule.holds))) for name, rule in self.rules.items()}
        self.numbers = {name: tuple(find_numbers((rule.when, rule.holds))) for name, rule in self.rules.items()}
        self.places: dict[str, list[Atom]] = {}
        self.readers: dict[str, set[str]] = {}
        for name, atoms in self.atoms.items():
            for atom in atoms:
                self.places.setdefault(atom.field.name, []).append(atom)
                self.readers.setdefault(atom.field.name, set()).add(name)

    def broken(self, state: dict[str, int]) -> frozenset[str]:
        """Return all rules that a state violates."""
        view = State(self.processor, state)
        return frozenset(name for name, rule in self.rules.items() if not rule_holds(rule, view))

    def broken_after(self, old: frozenset[str], state: dict[str, int], changed: set[str]) -> frozenset[str]:
        """Return the same after a change, evaluating only the rules that read what changed."""
        view = State(self.processor, state)
        asked = {name for field in changed for name in self.readers.get(field, ())}
        return (old - asked) | {name for name in asked if not rule_holds(self.rules[name], view)}

    def cost(self, rule: EntryRule, keep: bool, state: dict[str, int], broken: frozenset[str]) -> int:
        """Return the distance from the goal; 0: the rule applies and has the wanted value, and no other is violated."""
        view = State(self.processor, state)
        idle = sum(not evaluate(one, view) for one in flatten(rule.when))
        wrong = (rule.name in broken) == keep
        return OTHER_SIDE * wrong + IDLE * idle + len(broken - {rule.name})

    def search(self, name: str, keep: bool, seed: int = 0) -> Found:
        """Return the best state found with the wanted value of the rule, starting from each base in turn."""
        source = random.Random(f"{seed} {name} {keep}")
        best: Found | None = None
        for base in [*self.bases.values()] * ROUNDS:
            found = self.climb(self.rules[name], keep, base, source)
            if best is None or found.cost < best.cost:
                best = found
            if best.cost == 0:
                break
        assert best is not None
        return best

    def climb(self, rule: EntryRule, keep: bool, base: dict[str, int], source: random.Random) -> Found:
        """Change the state repeatedly; keep the changes that do not increase the distance."""
        broken = self.broken(base)
        best = Found(base, broken, self.cost(rule, keep, base, broken))
        for _ in range(STEPS):
            if best.cost == 0:
                break
            state = dict(best.fields)
            changed = {self.move(rule.name, best.broken, state, source) for _ in range(source.choice((1, 1, 2, 3)))}
            broken = self.broken_after(best.broken, state, changed)
            found = Found(state, broken, self.cost(rule, keep, state, broken))
            if found.cost <= best.cost:
                best = found
        return best

    def move(self, rule: str, broken: frozenset[str], state: dict[str, int], source: random.Random) -> str:
        """Change some bits that the rule reads, or that another violated rule reads; return the field's name."""
        others = sorted(broken - {rule})
        name = source.choice(others) if others and source.random() < 0.5 else rule
        if not self.atoms[name]:
            name = rule
        atom = source.choice(self.atoms[name] or self.atoms["pin_allowed"])
        if source.random() < 0.3:
            atom = source.choice(self.places[atom.field.name])
        old = state.get(atom.field.name, 0)
        mask = (1 << (atom.high - atom.low + 1)) - 1
        new = draw(old >> atom.low & mask, mask, self.numbers[name], self.processor, source) & mask
        state[atom.field.name] = old & ~(mask << atom.low) | new << atom.low
        return atom.field.name


def flatten(condition: ir.Expression | None) -> list[ir.Expression]:
    """Return the operands of a conjunction: each that holds reduces the distance."""
    if isinstance(condition, ir.Operation) and condition.operator == "and":
        return [*flatten(condition.left), *flatten(condition.right)]
    return [condition] if condition is not None else []


def draw(old: int, mask: int, numbers: tuple[int, ...], processor: Processor, source: random.Random) -> int:
    """Draw a value: an edge, a number in the rule or next to it, one bit changed, an address that is too wide."""
    width = mask.bit_length()
    edge = source.choice((processor.physical_bits, processor.linear_bits - 1, processor.linear_bits, 32, width - 1))
    number = source.choice(numbers or (0,))
    flipped = old ^ 1 << source.randrange(width)
    beside = source.choice((number + 1, max(number - 1, 0), mask ^ number))
    return source.choice((0, mask, number, beside, flipped, old ^ 1 << min(edge, width - 1), source.getrandbits(width)))


def walk(node: object) -> Iterator[object]:
    """Yield all expressions of a tree, from the root on."""
    if isinstance(node, tuple):
        for one in node:
            yield from walk(one)
    elif is_dataclass(node) and type(node).__module__ == ir.__name__:
        yield node
        for one in fields(node):
            yield from walk(getattr(node, one.name))


def find_atoms(node: object) -> Iterator[Atom]:
    """Yield every VMCS field that an expression reads, with its bits."""
    for one in walk(node):
        match one:
            case ir.Bits(ir.VmcsRead(field), low, high):
                yield Atom(field, low, high)
            case ir.VmcsRead(field):
                yield Atom(field, 0, field.type.bits - 1)


def find_numbers(node: object) -> Iterator[int]:
    """Yield every number in an expression."""
    for one in walk(node):
        if isinstance(one, ir.Constant):
            yield one.value
