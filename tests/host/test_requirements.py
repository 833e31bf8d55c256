"""The start check of the processor (requirements.32.c and its table) on the host, compared with the spec's model."""

from __future__ import annotations

import ctypes
import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codegen.check.evaluate import setting_of
from codegen.model.choices import Domain
from tests.lib.support import ROOT, TESTS, compile_spec

MODEL = compile_spec()
FACTS = MODEL.facts
DOM0 = MODEL.domains["dom0"]
CHECK = ROOT / "runtime" / "boot" / "multiboot" / "requirements.32.c"
TABLE = ROOT / "generated" / "vmx" / "requirements.32.c"
REGISTERS = ("eax", "ebx", "ecx", "edx")
PROCESSORS = 3000
ALL = (1 << 64) - 1
FIRST, MORE = "luvalley: error[requirements]: this processor lacks: ", ", "
LAST = "\nluvalley: starting the disk without a hypervisor\n"
LOCK = "VT-x not locked off by firmware"
CPUID = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))
RDMSR = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint32)
TEXT = ctypes.CFUNCTYPE(None, ctypes.c_char_p)


@dataclass
class Processor:
    """CPUID by leaf and subleaf, the highest leaves, and MSRs by name. `bad`: RDMSRs that would have faulted."""

    leaves: dict[tuple[int, int], list[int]]
    highest: dict[int, int]
    msrs: dict[str, int]
    bad: list[str] = field(default_factory=list)

    def cpuid(self, leaf: int, subleaf: int) -> list[int]:
        """Return a CPUID leaf; leaves above the highest one return arbitrary data. SDM: 3.3, CPUID"""
        if leaf in self.highest:
            return [self.highest[leaf], 0, 0, 0]
        return self.leaves.get((leaf, subleaf), [0xFFFFFFFF] * 4)

    def has(self, name: str) -> bool:
        """Return true if CPUID enumerates this feature."""
        leaf, subleaf, register, bit = locate(name)
        known = leaf <= self.highest[leaf & 0x80000000]
        return known and bool(self.cpuid(leaf, subleaf)[register] >> bit & 1)

    def exists(self, msr: str) -> bool:
        """Return true if the capability MSR exists. SDM: A.1 to A.10"""
        if not self.has("vmx"):
            return False
        secondary = bool(self.msrs["IA32_VMX_PROCBASED_CTLS"] >> 63)
        ept_or_vpid = secondary and bool(self.msrs["IA32_VMX_PROCBASED_CTLS2"] >> 32 & (1 << 1 | 1 << 5))
        conditions = {"IA32_VMX_PROCBASED_CTLS2": secondary, "IA32_VMX_EPT_VPID_CAP": ept_or_vpid}
        return bool(self.msrs["IA32_VMX_BASIC"] >> 55 & 1) if "_TRUE_" in msr else conditions.get(msr, True)

    def rdmsr(self, number: int) -> int:
        name = next(name for name, one in FACTS.msrs.items() if one.first == number)
        if not self.exists(name):
            self.bad.append(name)
        return self.msrs[name]


def locate(name: str) -> tuple[int, int, int, int]:
    """Return leaf, subleaf, register and bit of a feature."""
    feature = FACTS.features[name]
    return feature.leaf.first, (feature.leaf.subleaves or (0, 0))[0], REGISTERS.index(feature.register), feature.low


# ---- the code


def build(folder: Path, changed: Path | None = None, original: Path | None = None) -> ctypes.CDLL:
    """Return the library, with one of its files replaced."""
    sources = [changed if changed and one == original else one for one in (CHECK, TABLE)]
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-include", TESTS / "host" / "start32_host.h"]
    command = ["gcc", *flags, f"-I{ROOT}", f"-I{ROOT}/runtime", "-o", folder / "requirements.so",
               TESTS / "host" / "requirements_host.c", *sources]
    subprocess.run(list(map(str, command)), check=True)
    return ctypes.CDLL(str(folder / "requirements.so"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("requirements"))


def run(library: ctypes.CDLL, processor: Processor, exists: bool = True) -> tuple[int, list[str]]:
    """Return the number of missing requirements, and the texts."""
    texts: list[str] = []

    def answer(leaf: int, subleaf: int, registers: ctypes._Pointer[ctypes.c_uint32]) -> None:
        for index, value in enumerate(processor.cpuid(leaf, subleaf)):
            registers[index] = value

    calls = CPUID(answer), RDMSR(processor.rdmsr), TEXT(lambda text: texts.append(text.decode()))
    return library.host_check(exists, *calls), texts


# ---- the oracle


def expect(processor: Processor, domain: Domain = DOM0) -> list[str]:
    """Return the missing requirements, by the spec's names and in any order."""
    missing = [one.name for one in domain.required_features if not processor.has(one.name)]
    vmx = processor.has("vmx")
    lock = processor.msrs["IA32_FEATURE_CONTROL"] & 0b101  # bit 0: locked; bit 2: VMXON is allowed. SDM: 24.7
    if not vmx or lock == 0b001:
        missing.append(LOCK)
    controls = [(control.path, setting_of(domain, control.path)) for control in FACTS.controls.values()]
    on = [path for path, setting in controls if setting in ("on", "switched")]
    off = [path for path, setting in controls if setting == "off" and vmx]
    missing += [path for path in on if not can_be(processor, path, 1)]
    missing += [f"{path} = off" for path in off if not can_be(processor, path, 0)]
    for one in domain.required:
        table = FACTS.capabilities[one.table]
        exists = can_be(processor, "secondary.enable_ept", 1) if one.table == "ept" else processor.exists(table.msr)
        there = exists and processor.msrs[table.msr] >> one.bit.low & 1
        missing += [] if one.optional or there else [f"{one.table}.{one.bit.name}"]
    return sorted(missing)


def can_be(processor: Processor, path: str, value: int) -> bool:
    """Return true if VM entry accepts a control with this value. SDM: A.2 to A.5"""
    control = FACTS.controls[path]
    word = FACTS.words[control.word]
    true = word.true_msr if word.true_msr and processor.exists(word.true_msr) else ""
    msr = true or word.msr
    if not value and not word.true_msr:
        return True  # words without a TRUE MSR may be all 0
    if word.name == "secondary" and not can_be(processor, "primary.activate_secondary", 1):
        return False
    if not processor.exists(msr):
        return False
    bits = processor.msrs[msr]
    if word.allowed1_only:
        return bool(bits >> control.bit & 1)
    return bool(bits >> 32 + control.bit & 1) if value else not bits >> control.bit & 1


# ---- random processors


def make_processor() -> Processor:
    """Return a processor with everything: all controls may be 1, all may be 0."""
    leaves = {(locate(name)[:2]): [0xFFFFFFFF] * 4 for name in FACTS.features}
    msrs = dict.fromkeys(FACTS.msrs, ALL)
    for word in FACTS.words.values():
        for msr in filter(None, (word.msr, word.true_msr)):
            msrs[msr] = ALL if word.allowed1_only else ALL << 32 & ALL
    return Processor(leaves, {0: 0x20, 0x80000000: 0x80000008}, msrs)


def draw_processor(seed: int) -> Processor:
    """Draw a processor: some required bits are flipped, or whole MSRs are random."""
    source, processor = random.Random(seed), make_processor()
    for one in DOM0.required_features:
        if source.random() < 0.1:
            leaf, subleaf, register, bit = locate(one.name)
            processor.leaves[leaf, subleaf][register] &= ~(1 << bit)
    for leaf in processor.highest:
        if source.random() < 0.05:
            processor.highest[leaf] = source.choice((0, leaf, 0x20))
    used = {msr for word in FACTS.words.values() for msr in (word.msr, word.true_msr) if msr}
    used |= {FACTS.capabilities[one.table].msr for one in DOM0.required} | {"IA32_FEATURE_CONTROL", "IA32_VMX_BASIC"}
    for msr in sorted(used):
        for _ in range(source.choice((0, 0, 0, 1, 2))):
            processor.msrs[msr] ^= 1 << source.randrange(64)
        if source.random() < 0.05:
            processor.msrs[msr] = source.getrandbits(64)
    if source.random() < 0.3:
        processor.msrs["IA32_VMX_BASIC"] &= ~(1 << 55)
    for word in FACTS.words.values():  # the allowed-1 halves of both MSRs are the same. SDM: A.3.2
        if word.true_msr:
            high = processor.msrs[word.msr] >> 32 << 32
            processor.msrs[word.true_msr] = high | processor.msrs[word.true_msr] & 0xFFFFFFFF
    return processor


def short(text: str) -> str:
    """Return a feature's name from its text."""
    found = re.search(r"\(([\w.]+)\)$", text)
    return found[1] if found else text


def compare(library: ctypes.CDLL, seed: int) -> tuple[str, int]:
    """Return the differences (empty: none), and how many requirements the processor lacks."""
    processor = draw_processor(seed)
    count, texts = run(library, processor)
    wanted = expect(processor)
    if processor.bad:
        return f"seed {seed}: RDMSR of {processor.bad} faults", len(wanted)
    frame = [FIRST, *[MORE] * (len(wanted) - 1)] if wanted else []
    said = sorted(map(short, texts[1:-1:2]))
    if said != wanted or count != len(wanted) or texts[:-1:2] != frame or texts[-1:] != [LAST][:len(wanted)]:
        return f"seed {seed}: {texts}, {count}, not {wanted}", len(wanted)
    return "", len(wanted)


def test_a_good_processor(library: ctypes.CDLL) -> None:
    assert run(library, make_processor()) == (0, [])


def test_no_cpuid(library: ctypes.CDLL) -> None:
    assert run(library, make_processor(), exists=False) == (1, [FIRST, "cpuid", LAST])


def test_random_processors(library: ctypes.CDLL) -> None:
    results = [compare(library, seed) for seed in range(PROCESSORS)]
    assert [text for text, _ in results if text] == []
    assert sum(not count for _, count in results) > PROCESSORS // 100, "some lack nothing"
    assert sum(1 <= count <= 3 for _, count in results) > PROCESSORS // 10, "some lack a little"


FAULTS = {
    "missing leaves are read": (CHECK, "& EXTENDED_LEAVES, 0).eax < one->number", "& EXTENDED_LEAVES, 0).eax == 1"),
    "registers of a leaf are swapped": (CHECK, "{r.eax, r.ebx, r.ecx, r.edx}", "{r.eax, r.ecx, r.ebx, r.edx}"),
    "TRUE MSRs never": (CHECK, "one->alternative && host_rdmsr(IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS", "false"),
    "TRUE MSRs always": (CHECK, "one->alternative && host_rdmsr(IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS",
                         "one->alternative"),
    "the wrong half of an MSR": (CHECK, "one->word == MSR_HIGH ?", "one->word == MSR_LOW ?"),
    "only the allowed-1 half": (CHECK, "one->word == MSR_HIGH ?", "true ?"),
    "an unlocked IA32_FEATURE_CONTROL is refused": (CHECK, "!(value & FEATURE_CONTROL_LOCK)", "false"),
    "a locked IA32_FEATURE_CONTROL is accepted": (CHECK, "!(value & FEATURE_CONTROL_LOCK)", "true"),
    "a missing MSR counts as 1": (CHECK, "return !one->expected;", "return one->expected;"),
    "missing MSRs are read": (CHECK, "one->depends != NO_REQUIREMENT && missing[one->depends]", "false"),
    "only the first missing requirement": (CHECK, "missing[i] = !is_met", "missing[i] = !count && !is_met"),
    "the adjacent bit": (CHECK, "word >> one->bit & 1", "word >> (one->bit ^ 1) & 1"),
    "no commas between names": (CHECK, "!count++", "(count++, true)"),
    "a row of another bit": (TABLE, "MSR_HIGH, 3, 1, IA32_VMX_PINBASED_CTLS", "MSR_HIGH, 4, 1, IA32_VMX_PINBASED_CTLS"),
    "a row that expects 0": (TABLE, "MSR_HIGH, 7, 1, IA32_VMX_PROC", "MSR_HIGH, 7, 0, IA32_VMX_PROC"),
    "a row of another word": (TABLE, "CPUID_ECX, 5, 1, 0x1", "CPUID_EDX, 5, 1, 0x1"),
    "a row of another MSR": (TABLE, "IA32_VMX_EPT_VPID_CAP, 0, NEEDS_SECONDARY", "IA32_VMX_MISC, 0, NEEDS_SECONDARY"),
    "a row that depends on nothing": (TABLE, "CTLS2, 0, NEEDS_PRIMARY_ACTIVATE_SECONDARY", "CTLS2, 0, NO_REQUIREMENT"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    path, good, bad = FAULTS[fault]
    text = path.read_text()
    assert good in text
    (tmp_path / "changed.c").write_text(text.replace(good, bad))
    library = build(tmp_path, tmp_path / "changed.c", path)
    assert any(compare(library, seed)[0] for seed in range(PROCESSORS))
