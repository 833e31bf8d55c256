"""The entry checks in C, on the host, against the same rules in Python; and both against the manual's edges."""

from __future__ import annotations

import ctypes
import random
import subprocess
from functools import cache

import pytest

from codegen.model.facts import Facts
from tests.host.entry.bases import make_able, make_bases, make_plain, make_plain_bases
from tests.host.entry.search import Atom, Found, Searcher, draw
from tests.lib.entry_rules import Prediction, Processor, State, find_broken, predict
from tests.lib.support import ROOT, TESTS, compile_spec

REGISTERS = ("eax", "ebx", "ecx", "edx")
BLOCKS, STATES = 4, 500
CANONICAL, BEYOND, HIGH = (1 << 47) - 1, 1 << 47, 1 << 48
VALID = 1 << 31

# Rules that are never violated alone, but for the first, whose state is among the edges.
TOGETHER = {
    "pid_table_end_fits": "the search does not meet the last eight bytes of memory",
    "guest_long_needs_long": "outside long mode there is no 64-bit host either",
    "guest_long_needs_host": "in long mode the host must be 64-bit",
}


@cache
def facts() -> Facts:
    return compile_spec().facts


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("checks") / "checks.so"
    checks = ROOT / "runtime" / "vmx" / "entry_checks.c"
    sources = [TESTS / "host" / "checks_host.c", checks, ROOT / "generated" / "vmx" / "checks.c"]
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT), "-I", str(ROOT / "runtime")]
    subprocess.run(["gcc", *flags, "-o", str(path), *map(str, sources)], check=True)
    made = ctypes.CDLL(str(path))
    made.host_rule.restype = ctypes.c_char_p
    return made


def load_processor(library: ctypes.CDLL, processor: Processor) -> None:
    msrs = ctypes.c_uint64 * (64 * 2)
    pairs = [(facts().msrs[name].first, value) for name, value in processor.msrs.items()]
    put(msrs.in_dll(library, "host_msrs"), [word for pair in pairs for word in pair])
    ctypes.c_uint32.in_dll(library, "host_msr_count").value = len(pairs)
    had = [facts().features[name] for name in processor.features]
    bits = [(one.leaf.first, (one.leaf.subleaves or (0, 0))[0], REGISTERS.index(one.register), one.low) for one in had]
    put((ctypes.c_uint32 * (64 * 4)).in_dll(library, "host_features"), [word for one in bits for word in one])
    ctypes.c_uint32.in_dll(library, "host_feature_count").value = len(bits)
    put((ctypes.c_uint8 * 2).in_dll(library, "host_widths"), [processor.physical_bits, processor.linear_bits])


def put(array: ctypes.Array[ctypes.c_uint64] | ctypes.Array[ctypes.c_uint32] | ctypes.Array[ctypes.c_uint8],
        values: list[int]) -> None:
    for index, value in enumerate(values):
        array[index] = value


def ask_c(library: ctypes.CDLL, fields: dict[str, int]) -> tuple[str, ...]:
    """Return the rules that the C finds violated."""
    words = (ctypes.c_uint64 * 0x8000).in_dll(library, "host_fields")
    ctypes.memset(words, 0, ctypes.sizeof(words))
    for name, value in fields.items():
        words[facts().vmcs[name].encoding] = value
    library.host_check()
    broken = (ctypes.c_uint8 * len(facts().entry_rules)).in_dll(library, "host_broken")
    return tuple(name for name, one in zip(facts().entry_rules, broken, strict=True) if one)


def draw_state(
    source: random.Random, processor: Processor, bases: list[dict[str, int]], atoms: list[Atom]
) -> dict[str, int]:
    """Draw a valid state with a few changes, or with many."""
    state = dict(source.choice(bases))
    for _ in range(source.choice((1, 2, 4, 16, 64))):
        atom = source.choice(atoms)
        mask = (1 << (atom.high - atom.low + 1)) - 1
        old = state.get(atom.field.name, 0)
        new = draw(old >> atom.low & mask, mask, (1, 2, 3), processor, source) & mask
        state[atom.field.name] = old & ~(mask << atom.low) | new << atom.low
    return state


def draw_processor(source: random.Random) -> Processor:
    """Draw one of the known processors with some capability bits changed."""
    made = source.choice((make_able, make_plain))(facts())
    msrs = dict(made.msrs)
    for name in source.sample(sorted(msrs), 3):
        msrs[name] ^= 1 << source.randrange(64)
    features = frozenset(one for one in ("sgx", "rtm", "bus_lock_detect", "lam") if source.random() < 0.5)
    return Processor(source.choice((36, 39, 46, 52)), source.choice((48, 57)), msrs, features)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_states(library: ctypes.CDLL, block: int) -> None:
    source = random.Random(block)
    atoms = [one for some in Searcher(facts(), make_able(facts()), {}).atoms.values() for one in some]
    bases = [*make_bases().values(), *make_plain_bases().values()]
    for _ in range(STATES // 20):
        processor = draw_processor(source)
        load_processor(library, processor)
        for _ in range(20):
            state = draw_state(source, processor, bases, atoms)
            assert ask_c(library, state) == find_broken(facts(), State(processor, state))


def search_side(name: str, keep: bool) -> tuple[Processor, Found]:
    """Return a state on that side of the rule that violates no other, on the one processor or on the other."""
    able, plain = make_able(facts()), make_plain(facts())
    first = searcher(able, True).search(name, keep)
    if first.cost == 0:
        return able, first
    second = searcher(plain, False).search(name, keep)
    return (able, first) if first.cost <= second.cost else (plain, second)


@cache
def searcher_for(able: bool) -> Searcher:
    if able:
        return Searcher(facts(), make_able(facts()), make_bases())
    return Searcher(facts(), make_plain(facts()), make_plain_bases())


def searcher(processor: Processor, able: bool) -> Searcher:
    made = searcher_for(able)
    assert made.processor == processor
    return made


@pytest.mark.parametrize("group", facts().entry_checks)
def test_both_sides_of_every_rule(library: ctypes.CDLL, group: str) -> None:
    """Each rule holds in a state that enters, and is violated in one that violates no other."""
    for rule in facts().entry_checks[group].rules:
        for keep in (True, False):
            processor, found = search_side(rule.name, keep)
            load_processor(library, processor)
            broken = ask_c(library, found.fields)
            assert broken == find_broken(facts(), State(processor, found.fields))
            assert (rule.name in broken) != keep
            if rule.name not in TOGETHER:
                assert broken == (() if keep else (rule.name,))


# A valid state, one field of it changed, and what the manual says of that.
EDGES: tuple[tuple[str, str, int, str], ...] = (
    ("long", "guest_fs_base", CANONICAL, ""),
    ("long", "guest_fs_base", BEYOND, "fs_base_canonical"),
    ("long", "guest_fs_base", (1 << 64) - BEYOND, ""),
    ("long", "guest_rip", BEYOND, ""),
    ("long", "guest_rip", HIGH, "rip_long"),
    ("long", "guest_rip", (1 << 64) - HIGH, ""),
    ("short", "guest_rip", 1 << 32, "rip_short"),
    ("long", "guest_cr3", (1 << 39) - 1, ""),
    ("long", "guest_cr3", 1 << 39, "guest_cr3_fits"),
    ("long", "guest_cr3", 1 << 61, "guest_cr3_fits"),
    ("long", "guest_rflags", 0, "rflags_one"),
    ("long", "guest_rflags", 0x8002, "rflags_zeros"),
    ("long", "guest_cs_base", 1 << 32, "cs_base_short"),
    ("long", "guest_gdtr_limit", 0x10000, "gdtr_limit_bits"),
    ("long", "guest_cs_access_rights", 0xE09B, "cs_l_or_db"),
    ("long", "guest_tr_access_rights", 0x83, "tr_type"),
    ("short", "guest_tr_access_rights", 0x83, ""),
    ("long", "guest_ia32_efer", 0x400, "guest_efer_lme"),
    ("short", "guest_ldtr_access_rights", 0x82, ""),
    ("short", "guest_ldtr_access_rights", 0x8B, "ldtr_type"),
    ("short", "guest_ds_limit", 0xFFFFE, "ds_small_limit"),
    ("8086", "guest_ds_base", 0x10, "ds_base_8086"),
    ("real", "guest_activity_state", 1, ""),
    ("real", "guest_activity_state", 4, "activity_known"),
    ("real", "guest_interruptibility_state", 1, "blocking_sti_flag"),
    ("real", "guest_interruptibility_state", 2, ""),
    ("real", "vmcs_link_pointer", 0x1001, "link_aligned"),
    ("pae", "guest_pdpte3", 2, ""),
    ("pae", "guest_pdpte3", 3, "pdpte3_reserved"),
    ("pae", "ept_pointer", 0x20001C, "ept_type"),
    ("pae", "ept_pointer", 0x200026, ""),
    ("long", "vm_entry_interruption_info", VALID | 2 << 8 | 2, ""),
    ("long", "vm_entry_interruption_info", VALID | 2 << 8 | 3, "event_nmi_vector"),
    ("long", "vm_entry_interruption_info", VALID | 3 << 8 | 13, "event_code_given"),
    ("long", "vm_entry_interruption_info", VALID | 3 << 8 | 1 << 11 | 13, ""),
    ("long", "vm_entry_interruption_info", VALID | 3 << 8 | 1 << 11 | 6, "event_code_not_given"),
    ("real", "vm_entry_interruption_info", VALID | 3 << 8 | 13, ""),
    ("real", "vm_entry_interruption_info", VALID | 3 << 8 | 1 << 11 | 13, "event_code_only_protected"),
    ("long", "vm_entry_interruption_info", VALID | 3, "rflags_if"),
    ("long", "host_cs_selector", 0, "host_cs_not_null"),
    ("long", "host_ds_selector", 3, "host_ds_selector_plain"),
    ("long", "host_ia32_pat", 2, "host_pat_types"),
    ("long", "host_rip", BEYOND, "host_long_rip"),
    ("table", "last_pid_pointer_index", 0, ""),
    ("table", "last_pid_pointer_index", 1, "pid_table_end_fits"),
    ("long", "cr3_target_count", 4, ""),
    ("long", "cr3_target_count", 5, "cr3_targets"),
)


def make_edge_bases() -> dict[str, dict[str, int]]:
    """Return the valid states, and one with a table that ends with memory."""
    bases = make_bases()
    table = {"primary_controls": 0x8423E172, "tertiary_controls": 1 << 4, "pid_pointer_table_address": (1 << 39) - 8}
    return bases | {"table": bases["long"] | table}


@pytest.mark.parametrize(("base", "field", "value", "rule"), EDGES)
def test_edges(library: ctypes.CDLL, base: str, field: str, value: int, rule: str) -> None:
    able = make_able(facts())
    state = {**make_edge_bases()[base], field: value}
    load_processor(library, able)
    assert ask_c(library, state) == find_broken(facts(), State(able, state)) == ((rule,) if rule else ())


def test_outcomes() -> None:
    """Errors of controls come before those of the host, those before the exit."""
    able, long = make_able(facts()), make_bases()["long"]
    bad = {"guest_rflags": 0, "host_cs_selector": 0, "cr3_target_count": 9}
    assert predict(facts(), State(able, long)) == Prediction("enters", ())
    outcomes = ["exit 33", "error 8", "error 7"]
    for index, outcome in enumerate(outcomes):
        state = {**long, **dict(list(bad.items())[: index + 1])}
        assert predict(facts(), State(able, state)).outcome == outcome


def test_show_names_what_is_broken(library: ctypes.CDLL) -> None:
    load_processor(library, make_able(facts()))
    ask_c(library, {**make_bases()["long"], "guest_rflags": 0, "guest_cs_base": 1 << 40})
    library.host_show()
    text = (ctypes.c_char * (1 << 16)).in_dll(library, "host_text").value.decode()
    assert text == ("VM entry violates the rule rflags_one, SDM 27.3.1.4\n"
                    "VM entry violates the rule cs_base_short, SDM 27.3.1.2\n")


def test_names_are_in_one_order(library: ctypes.CDLL) -> None:
    names = [library.host_rule(index).decode() for index in range(len(facts().entry_rules))]
    assert names == list(facts().entry_rules)


def test_every_rule_cites_a_check() -> None:
    """Sections 27.2.1.1 to 27.3.1.6: each rule stands under one, each has rules."""
    cited = {section for rule in facts().entry_rules.values() for section in rule.sections}
    wanted = {"27.2.1.1", "27.2.1.2", "27.2.1.3", "27.2.2", "27.2.3", "27.2.4"} | {f"27.3.1.{n}" for n in range(1, 7)}
    assert wanted <= cited
    assert all(wanted & set(rule.sections) for rule in facts().entry_rules.values())
