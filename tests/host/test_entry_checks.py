"""The VM-entry checks in C, on the host, compared with the rules in Python; and both with edge cases from the SDM."""

from __future__ import annotations

import ctypes
import random
import subprocess
from dataclasses import replace
from functools import cache

import pytest

from codegen.check.entry_rules import RuleJudge, list_open_rules
from codegen.compiler import compile_files
from codegen.diagnostics import SpecError
from codegen.model.facts import Facts
from codegen.source import SourceFile
from tests.host.entry.bases import make_able, make_bases, make_plain, make_plain_bases
from tests.host.entry.search import Atom, Found, Searcher, draw
from tests.lib.entry_rules import Prediction, Processor, State, find_broken, predict, rule_holds
from tests.lib.support import ROOT, TESTS, compile_spec, load_spec, parse_text

REGISTERS = ("eax", "ebx", "ecx", "edx")
BLOCKS, STATES = 4, 500
CANONICAL, BEYOND, HIGH = (1 << 47) - 1, 1 << 47, 1 << 48
VALID = 1 << 31

# Rules that no state violates alone; the first one has a state, which is among the edges below.
TOGETHER = {
    "pid_table_end_fits": "the search does not draw the last eight bytes of memory",
    "guest_long_needs_long": "outside long mode there is no 64-bit host either",
    "guest_long_needs_host": "in long mode the host must be 64-bit",
}


@cache
def facts() -> Facts:
    return compile_spec().facts


@cache
def open_rules() -> tuple[str, ...]:
    """The rules that are in the C: the compiler has decided the others."""
    return tuple(rule.name for rule in list_open_rules(compile_spec()))


def find_open(state: State) -> tuple[str, ...]:
    """The open rules that the state breaks."""
    return tuple(name for name in find_broken(facts(), state) if name in open_rules())


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
    broken = (ctypes.c_uint8 * len(open_rules())).in_dll(library, "host_broken")
    return tuple(name for name, one in zip(open_rules(), broken, strict=True) if one)


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
            assert ask_c(library, state) == find_open(State(processor, state))


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
            state = State(processor, found.fields)
            assert ask_c(library, found.fields) == find_open(state)
            broken = find_broken(facts(), state)
            assert (rule.name in broken) != keep
            if rule.name not in TOGETHER:
                assert broken == (() if keep else (rule.name,))


# A valid state, one field of it changed, and whether the SDM lets it enter.
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
    assert find_broken(facts(), State(able, state)) == ((rule,) if rule else ())
    assert ask_c(library, state) == find_open(State(able, state))


def test_outcomes() -> None:
    """Controls are checked first (VM-instruction error 7), then host state (8), then guest state (exit 33)."""
    able, long = make_able(facts()), make_bases()["long"]
    bad = {"guest_rflags": 0, "host_cs_selector": 0, "cr3_target_count": 9}
    assert predict(facts(), State(able, long)) == Prediction("enters", ())
    outcomes = ["exit 33", "error 8", "error 7"]
    for index, outcome in enumerate(outcomes):
        state = {**long, **dict(list(bad.items())[: index + 1])}
        assert predict(facts(), State(able, state)).outcome == outcome


def test_show_names_violated_rules(library: ctypes.CDLL) -> None:
    load_processor(library, make_able(facts()))
    ask_c(library, {**make_bases()["long"], "guest_rflags": 0, "guest_cs_base": 1 << 40})
    library.host_show()
    text = (ctypes.c_char * (1 << 16)).in_dll(library, "host_text").value.decode()
    assert text == ("VM entry violates the rule rflags_one, SDM 27.3.1.4\n"
                    "VM entry violates the rule cs_base_short, SDM 27.3.1.2\n")


def test_names_are_in_one_order(library: ctypes.CDLL) -> None:
    names = tuple(library.host_rule(index).decode() for index in range(len(open_rules())))
    assert names == open_rules()
    assert list(names) == [name for name in facts().entry_rules if name in names]


@cache
def judges() -> tuple[RuleJudge, ...]:
    model = compile_spec()
    return tuple(RuleJudge(model, domain) for domain in model.domains.values())


def force_known(judge: RuleJudge, fields: dict[str, int]) -> dict[str, int]:
    """The state with the bits that the domain's choices and the host block decide."""
    known = {name: fields.get(name, 0) & ~one.mask | one.value for name, one in judge.fields.items()}
    return fields | {name: value & ((1 << facts().vmcs[name].type.bits) - 1) for name, value in known.items()}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_decided_rules_hold_in_every_state(block: int) -> None:
    """Whatever else a VMCS has: with the bits that are known at compile time no rule is broken that C does not ask."""
    source = random.Random(block)
    atoms = [one for some in Searcher(facts(), make_able(facts()), {}).atoms.values() for one in some]
    decided = [rule for name, rule in facts().entry_rules.items() if name not in open_rules()]
    for _ in range(STATES // 5):
        judge = source.choice(judges())
        processor = draw_processor(source)
        processor = replace(processor, msrs={**processor.msrs, "IA32_EFER": judge.msrs["IA32_EFER"].value})
        state = draw_state(source, processor, list(make_bases().values()), atoms)
        view = State(processor, force_known(judge, state))
        assert [rule.name for rule in decided if not rule_holds(rule, view)] == []


def test_most_host_rules_are_decided() -> None:
    """Left is what depends on the processor or on addresses of the run."""
    host = {rule.name for group in ("host_registers", "host_segments", "host_mode")
            for rule in facts().entry_checks[group].rules}
    assert host & set(open_rules()) == {
        "host_cr0_ones", "host_cr0_zeros", "host_cr4_ones", "host_cr4_zeros", "host_cr3_fits", "host_long_rip",
        *(f"host_{one}_base_canonical" for one in ("gs", "gdtr", "idtr", "tr")),
    }


# A declared value, a wrong one instead, and the rules that then refuse to compile.
WRONG = (
    ("cs_selector = HOST_CODE;", "cs_selector = 0;", {"host_cs_not_null"}),
    ("cs_selector = HOST_CODE;", "cs_selector = 0x0B;", {"host_cs_selector_plain"}),
    ("tr_selector = HOST_TSS;", "tr_selector = 0;", {"host_tr_not_null"}),
    ("ds_selector = HOST_DATA;", "ds_selector = ti;", {"host_ds_selector_plain"}),
    ("efer = lme | lma | nxe;", "efer = sce;", {"host_efer_mode", "host_stays_short"}),
    ("efer = lme | lma | nxe;", "efer = lme | lma | 0x1000;", {"host_efer_reserved"}),
    ("pat = 0x0007040600070406;", "pat = 0x0007040600070402;", {"host_pat_types"}),
    ("cr4 includes pae | mce;\n    cr4 excludes pcide | cet;", "cr4 excludes pae;", {"host_long_pae"}),
    ("cr0 includes pe | et | ne | wp | pg;\n    cr0 excludes em | ts;\n    cr4 includes pae | mce;\n"
     "    cr4 excludes pcide | cet;", "cr0 excludes wp;\n    cr4 includes pae | cet;", {"host_cet_needs_wp"}),
)


@pytest.mark.parametrize(("right", "wrong", "rules"), WRONG)
def test_wrong_host_state_does_not_compile(right: str, wrong: str, rules: set[str]) -> None:
    sources, files = load_spec()
    path = "spec/host.luv"
    text = next(one.text for one in sources if one.path == path)
    assert text.count(right) == 1
    edited = SourceFile(path, text.replace(right, wrong))
    with pytest.raises(SpecError) as caught:
        compile_files([*(one for one in files if one.path != path), parse_text(edited)], [*sources, edited])
    found = [one for one in caught.value.diagnostics if one.name == "host-state"]
    named = {rule for rule in facts().entry_rules for one in found if f"`{rule}`" in one.message}
    assert rules <= named
    assert all("SDM 27.2." in one.message and one.span.path == path for one in found)


def test_a_value_that_is_not_declared_is_checked_at_run_time() -> None:
    sources, files = load_spec()
    text = next(one.text for one in sources if one.path == "spec/host.luv")
    edited = SourceFile("spec/host.luv", text.replace("    pat = 0x0007040600070406;\n", ""))
    model = compile_files([*(one for one in files if one.path != edited.path), parse_text(edited)], [*sources, edited])
    assert {rule.name for rule in list_open_rules(model)} - set(open_rules()) == {"host_pat_types"}


def test_every_rule_cites_a_check() -> None:
    """Every rule cites one of the sections 27.2.1.1 to 27.3.1.6, and every section has rules."""
    cited = {section for rule in facts().entry_rules.values() for section in rule.sections}
    wanted = {"27.2.1.1", "27.2.1.2", "27.2.1.3", "27.2.2", "27.2.3", "27.2.4"} | {f"27.3.1.{n}" for n in range(1, 7)}
    assert wanted <= cited
    assert all(wanted & set(rule.sections) for rule in facts().entry_rules.values())
