"""Feature closure: every edge between facts is checked, every control has an effect, CPUID agrees with the facts."""

from __future__ import annotations

import ctypes
import itertools
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from codegen.check import check
from codegen.check.evaluate import msr_reachable, setting_of
from codegen.diagnostics import Diagnostic, Reporter
from codegen.emit.exits import make_exit_path, make_handlers
from codegen.emit.requirements import make_requirements
from codegen.emit.tables import make_tables
from codegen.model import ir
from codegen.model.choices import Domain, Model, Setting
from codegen.model.facts import CpuidLeaf, Feature
from tests.compiler.closure import HERE, Edge, Maker, diagnose, isolate, list_edges, without
from tests.lib.support import ROOT, TESTS, compile_spec

EDGES = list(list_edges(compile_spec().facts))
REGISTERS = ("eax", "ebx", "ecx", "edx")
ONES = 0xFFFFFFFF
EVERY_BIT = (1 << 64) - 1


@cache
def model() -> Model:
    return compile_spec()


@cache
def maker() -> Maker:
    return Maker(model())


def dom0() -> Domain:
    return model().domains["dom0"]


# ---- edges


def says(diagnostic: Diagnostic, *names: str) -> bool:
    return all(name in diagnostic.message for name in names)


@pytest.mark.parametrize("kind", ["control", "feature", "field", "switch", "exit"])
def test_every_edge(kind: str) -> None:
    """A spec that violates only the edge gives an error with the names of both ends; without the edge it compiles."""
    edges = [one for one in EDGES if one.kind == kind]
    assert len(edges) > 20
    for edge in edges:
        domain, facts = maker().violate(edge), isolate(model().facts, edge)
        refused, rest = diagnose(model(), facts, domain), diagnose(model(), without(facts, edge), domain)
        own = [one for one in refused if one not in rest]
        assert own, f"{edge}: nothing is said"
        assert all(says(one, edge.source, target) for one in own for target in edge.target.split(" or ")), str(edge)
        assert all(is_twin(one, edge) for one in rest), f"{edge}: {rest}"


def is_twin(diagnostic: Diagnostic, edge: Edge) -> bool:
    """Return true if the error is of another control with the same need, which the edge's source needs too."""
    return edge.kind == "control" and diagnostic.name == "control-needs" and says(diagnostic, edge.target)


def test_edges_are_all_there() -> None:
    """The number of edges equals the number of needs in the text of the facts."""
    counts = Counter(edge.kind for edge in EDGES)
    assert counts == {"feature": 172, "field": 66, "control": 63, "exit": 59, "switch": 23}


# ---- controls


def flip(setting: str) -> list[str]:
    return ["on"] if setting == "off" else ["off"] if setting == "on" else ["off", "on"]


def generate_domain(domain: Domain) -> list[str]:
    made = replace(model(), domains={domain.name: domain})
    outputs = [*make_tables(made, domain), make_handlers(made, domain), make_exit_path(made)]
    return [one.text for one in [*outputs, make_requirements(made, domain)]]


def test_every_control_has_an_effect() -> None:
    """Changing one control gives an error or other generated code."""
    before = generate_domain(dom0())
    for control in model().facts.controls:
        for value in flip(setting_of(dom0(), control)):
            settings = {**dom0().settings, control: Setting(control, value, HERE)}
            domain = replace(dom0(), settings=settings)
            reporter = Reporter()
            check(replace(model(), domains={"dom0": domain}), reporter)
            assert reporter.failed or generate_domain(domain) != before, f"{control} = {value} changes nothing"


# ---- what the C shows


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("cpuid") / "cpuid.so"
    sources = [TESTS / "host" / "cpuid_host.c", ROOT / "generated" / "vmx" / "dom0_tables.c"]
    flags = ["-shared", "-fPIC", "-O1", "-Wno-all", "-I", str(ROOT), "-I", str(ROOT / "runtime"), "-Wl,-z,lazy"]
    subprocess.run(["gcc", *flags, "-o", str(path), *map(str, sources)], check=True)
    library = ctypes.CDLL(str(path), mode=1)  # RTLD_LAZY: functions that CPUID does not call are undefined
    library.host_tables_keep()
    return library


def words() -> list[str]:
    """Return the control words in the order of dom0_control_word[]."""
    header = (ROOT / "generated" / "vmx" / "dom0.h").read_text()
    return [name.lower() for name in dict.fromkeys(re.findall(r"\bDOM0_WORD_(\w+)", header))]


def grant(library: ctypes.CDLL, granted: set[str]) -> None:
    """Set the granted controls, and compute the CPUID masks."""
    array = (ctypes.c_uint64 * len(words())).in_dll(library, "dom0_control_word")
    for index, word in enumerate(words()):
        controls = [one for one in model().facts.controls.values() if one.word == word]
        array[index] = sum(1 << one.bit for one in controls if one.path in granted)
    library.host_tables_restore()
    library.dom0_features_init()


def holds(condition: ir.Condition, granted: set[str]) -> bool:
    match condition:
        case ir.Always(value):
            return value
        case ir.ControlAtom(control):
            return control in granted
        case ir.MsrAtom(msr):
            return msr_reachable(msr, dom0())
        case ir.NotCondition(operand):
            return not holds(operand, granted)
        case ir.AndCondition(operands):
            return all(holds(one, granted) for one in operands)
        case ir.OrCondition(operands):
            return any(holds(one, granted) for one in operands)
    raise AssertionError("no feature needs a table")


def expect_register(leaf: CpuidLeaf, register: str, native: int, granted: set[str], state: int) -> int:
    """Return the expected registers from the facts: values pass; a feature bit passes with a fact and all its needs."""
    kind = dict(leaf.registers).get(register)
    if kind == "value":
        return native
    value = 0
    for one in (one for one in dom0().cpuid.shown if one.leaf is leaf and one.register == register):
        value |= expect_feature(one, native, granted, state)
    return value


def expect_feature(one: Feature, native: int, granted: set[str], state: int) -> int:
    mask = ((1 << (one.high - one.low + 1)) - 1) << one.low
    if one.mirrors:
        return (state >> one.mirrors[1].low & 1) << one.low
    if one in dom0().cpuid.forced:
        return mask
    return native & mask if holds(one.needs, granted) else 0


def find_leaf(number: int, subleaf: int) -> CpuidLeaf | None:
    return next((one for one in dom0().cpuid.leaves if one.first <= number <= one.last
                 and (one.subleaves is None or one.subleaves[0] <= subleaf <= one.subleaves[1])), None)


def expect_leaf(number: int, subleaf: int, native: tuple[int, ...], granted: set[str], state: int) -> tuple[int, ...]:
    """A leaf without a fact reads as zero."""
    own = dict(dom0().cpuid.own).get(number)
    if own:
        return own
    leaf = find_leaf(number, subleaf)
    if leaf is None:
        return (0, 0, 0, 0)
    registers = zip(REGISTERS, native, strict=True)
    return tuple(expect_register(leaf, name, value, granted, state) for name, value in registers)


def ask_c(library: ctypes.CDLL, number: int, subleaf: int, native: tuple[int, ...], state: int) -> tuple[int, ...]:
    registers = (ctypes.c_uint32 * 4)(*native)
    ctypes.c_uint64.in_dll(library, "host_state").value = state
    library.host_policy(ctypes.c_uint32(number), ctypes.c_uint32(subleaf), registers)
    return tuple(registers)


def list_questions() -> Iterator[tuple[int, int]]:
    """Return every leaf of the facts and its neighbors, with subleaves around the ends of their ranges."""
    numbers = {edge + shift for one in model().facts.leaves for edge in (one.first, one.last) for shift in (-1, 0, 1)}
    numbers |= {number for number, _ in dom0().cpuid.own} | {0x40000002, 0x40000100, 0x80000000, 0xC0000000, 0x20000000}
    subleaves = {0, 1, 2, 3, 31, 32, 63, 64, 100, ONES}
    return ((number, subleaf) for number in sorted(numbers) if 0 <= number <= ONES for subleaf in sorted(subleaves))


def list_grants() -> list[set[str]]:
    """Return all sets of granted controls: those that are `on`, with every combination of the others."""
    on = {one.control for one in dom0().settings.values() if one.value == "on"}
    prefers = sorted(one.control for one in dom0().settings.values() if one.value == "prefer")
    chosen = [some for count in range(len(prefers) + 1) for some in itertools.combinations(prefers, count)]
    return [on | set(some) for some in chosen]


def test_shown_features_follow_what_was_granted(library: ctypes.CDLL) -> None:
    """For every combination of granted `prefer` controls: a processor with every CPUID bit, and one with none."""
    grants = list_grants()
    assert {one.control for one in dom0().settings.values() if one.value == "prefer"} <= set().union(*grants)
    for granted in grants:
        grant(library, granted)
        for number, subleaf in list_questions():
            for native, state in (((ONES,) * 4, EVERY_BIT), ((ONES,) * 4, 0), ((0,) * 4, EVERY_BIT)):
                wanted = expect_leaf(number, subleaf, native, granted, state)
                assert ask_c(library, number, subleaf, native, state) == wanted, f"leaf {number:#x}.{subleaf}"


def test_random_processors(library: ctypes.CDLL) -> None:
    source = random.Random(7)
    grants, questions = list_grants(), list(list_questions())
    for _ in range(2000):
        granted = source.choice(grants)
        grant(library, granted)
        number, subleaf = source.choice(questions)
        native, state = tuple(source.getrandbits(32) for _ in REGISTERS), source.getrandbits(64)
        wanted = expect_leaf(number, subleaf, native, granted, state)
        assert ask_c(library, number, subleaf, native, state) == wanted


def test_every_leaf_and_subleaf(library: ctypes.CDLL) -> None:
    """All subleaves of all leaves around the tables, from processors with random registers."""
    source = random.Random(13)
    granted = list_grants()[-1]
    grant(library, granted)
    leaves = [*range(0x40), *range(0x3FFFFFFE, 0x40000004), *range(0x7FFFFFFE, 0x80000020), ONES - 1, ONES]
    for number in leaves:
        for subleaf in (*range(70), ONES - 1, ONES):
            native, state = tuple(source.getrandbits(32) for _ in REGISTERS), source.getrandbits(64)
            wanted = expect_leaf(number, subleaf, native, granted, state)
            assert ask_c(library, number, subleaf, native, state) == wanted, f"leaf {number:#x}.{subleaf}"


def test_bits_without_a_fact_are_never_shown(library: ctypes.CDLL) -> None:
    """Leaves without facts, on a processor with every CPUID bit."""
    source = random.Random(11)
    grant(library, list_grants()[-1])
    known = [(one.first, one.last) for one in model().facts.leaves]
    known += [(number, number) for number, _ in dom0().cpuid.own]
    asked = [*range(0x200), *range(0x40000000, 0x40000200), *range(0x80000000, 0x80000200)]
    asked += [source.getrandbits(32) for _ in range(2000)]
    for number in asked:
        if not any(first <= number <= last for first, last in known):
            assert ask_c(library, number, source.choice((0, 1, ONES)), (ONES,) * 4, EVERY_BIT) == (0, 0, 0, 0)
