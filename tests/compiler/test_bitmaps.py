"""MSR and I/O bitmaps compared with an oracle that reads only the syntax tree."""

from __future__ import annotations

import ctypes
import random
import subprocess
from collections.abc import Iterator

import pytest

from codegen.emit.bitmaps import make_io_bitmap, make_msr_bitmap
from codegen.emit.policies import case_lines
from codegen.language import syntax
from codegen.model.choices import Domain
from codegen.source import SourceFile
from tests.lib.support import ROOT, compile_small, load_facts, load_spec, parse_text

LOW, HIGH = range(0x2000), range(0xC0000000, 0xC0002000)
PORTS = range(0x10000)
PRECEDENCE = ("name", "range", "guarded", "class", "default")


class Oracle:
    """Decides for each number whether an access causes an exit, as docs/language.md defines it."""

    def __init__(self, files: list[syntax.File], domain: str) -> None:
        items = [item.declaration for file in files for item in file.items]
        self.msrs = [one for node in items if isinstance(node, syntax.Msrs) for one in node.msrs]
        self.ports = {one.name.text: one for node in items if isinstance(node, syntax.Ports) for one in node.ports}
        found = [node for node in items if isinstance(node, syntax.Domain) and node.name.text == domain]
        self.msr_rules = [rule for one in found[0].clauses if isinstance(one, syntax.DomainMsr) for rule in one.rules]
        self.io_rules = [rule for one in found[0].clauses if isinstance(one, syntax.DomainIo) for rule in one.rules]
        self.named = {one.name.text: one for one in self.msrs}

    def msr_exits(self, number: int, direction: str) -> bool:
        """Return the strongest rule for this number in this direction."""
        here = [one for one in self.msrs if one.first.value <= number <= one.last.value]
        for kind in PRECEDENCE:
            for rule in self.msr_rules:
                action = find_action(rule, direction)
                if action and rule.selector.kind == kind and self.means(rule.selector, number, here):
                    return action.kind != "pass"
        raise AssertionError("a policy without a default compiled")

    def means(self, selector: syntax.Selector, number: int, here: list[syntax.Msr]) -> bool:
        names = [name.text for name in selector.names]
        match selector.kind:
            case "default":
                return True
            case "guarded":
                return any(one.guarded for one in here)
            case "class":
                return any(one.group.text == names[0] for one in here)
        return self.named[names[0]].first.value <= number <= self.named[names[-1]].last.value

    def port_exits(self, port: int) -> bool:
        """One bit serves both directions: it is set if either is not passed."""
        return any(self.port_action(port, direction) != "pass" for direction in ("read", "write"))

    def port_action(self, port: int, direction: str) -> str:
        default = ""
        for rule in self.io_rules:
            action = find_action(rule, direction)
            if rule.selector.kind == "default" and action:
                default = action.kind
            elif action and self.covers(rule.selector.names[0].text, port):
                return action.kind
        return default

    def covers(self, name: str, port: int) -> bool:
        return self.ports[name].first.value <= port <= self.ports[name].last.value


def find_action(rule: syntax.AccessRule, direction: str) -> syntax.Action | None:
    return next((one.action for one in rule.accesses if one.direction in ("", direction)), None)


def bit(data: bytes, index: int) -> bool:
    return bool(data[index // 8] >> index % 8 & 1)


def compare_msrs(data: bytes, oracle: Oracle, low: range = LOW, high: range = HIGH) -> None:
    """SDM 25.6.9: reads of low MSRs at byte 0, of high ones at 1024, writes at 2048 and 3072."""
    for direction, start in (("read", 0), ("write", 2048)):
        for numbers, offset in ((low, start), (high, start + 1024)):
            for number in numbers:
                found = bit(data, offset * 8 + number % 0x2000)
                assert found == oracle.msr_exits(number, direction), f"{direction} {number:#x}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Return the generated bitmaps as gcc lays them out."""
    path = tmp_path_factory.mktemp("bitmaps") / "bitmaps.so"
    source = ROOT / "generated" / "vmx" / "dom0_bitmaps.c"
    flags = ["-shared", "-fPIC", "-ffreestanding", "-I", str(ROOT), "-I", str(ROOT / "runtime")]
    subprocess.run(["gcc", *flags, "-o", str(path), str(source)], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(list(load_spec()[1]), "dom0")


def read_array(library: ctypes.CDLL, name: str, size: int) -> bytes:
    return bytes((ctypes.c_ubyte * size).in_dll(library, name))


def test_every_msr(library: ctypes.CDLL, oracle: Oracle) -> None:
    compare_msrs(read_array(library, "dom0_msr_bitmap", 4096), oracle)


def test_every_port(library: ctypes.CDLL, oracle: Oracle) -> None:
    data = read_array(library, "dom0_io_bitmap", 8192)
    assert [port for port in PORTS if bit(data, port) != oracle.port_exits(port)] == []


# ---- random policies over the miniature facts

MSRS = ("IA32_BIOS_UPDT_TRIG", "IA32_SYSENTER", "IA32_PAT", "IA32_VMX_BASIC", "IA32_VMX_PROCBASED_CTLS", "IA32_EFER")
CLASSES = ("plain", "vmx", "microcode")
ACTIONS = ("pass", "try", "inject gp", "do { advance; }")
EDGES = (0, 0x78, 0x79, 0x7A, 0x173, 0x174, 0x176, 0x177, 0x277, 0x278, *range(0x47F, 0x48E), 0x1FFF)
HIGH_EDGES = (0xC0000000, 0xC000007F, 0xC0000080, 0xC0000081, 0xC0001FFF)


def draw_msr_rules(random: random.Random) -> Iterator[str]:
    """Draw rules of every kind; none conflicts with another or passes writes of a guarded MSR."""
    yield f"default read {random.choice(ACTIONS)}, write inject gp;"
    if random.random() < 0.5:
        yield f"guarded read {random.choice(ACTIONS)}, write inject gp;"
    for name in random.sample(CLASSES, random.randrange(4)):
        write = "inject gp" if name == "microcode" else random.choice(ACTIONS)
        yield f"class {name} read {random.choice(ACTIONS)}, write {write};"
    first, last = sorted(random.sample(range(1, len(MSRS)), 2))
    yield f"{MSRS[first]} .. {MSRS[last]} {random.choice(('read', 'write'))} {random.choice(ACTIONS)};"
    for name in random.sample(MSRS[1:], random.randrange(4)):
        yield f"{name} {random.choice(('read ', 'write ', ''))}{random.choice(ACTIONS)};"


def draw_io_rules(random: random.Random) -> Iterator[str]:
    for name in random.sample(("keyboard_data", "clock"), random.randrange(3)):
        action = random.choice(("pass", "inject gp", "do { advance; }"))
        yield f"{name} {random.choice(('read ', 'write ', ''))}{action};"
    yield "default pass;"


def draw_policy(seed: int) -> SourceFile:
    source = random.Random(seed)
    msr, io = " ".join(draw_msr_rules(source)), " ".join(draw_io_rules(source))
    rest = 'exceptions { default pass; } on cpuid { advance; } on triple_fault { reset "over"; }'
    set_io = "for vmx { set primary { use_io_bitmaps = on; } }"
    return SourceFile("random.luv", f"/// A guest.\ndomain guest {{ {set_io} msr {{ {msr} }} io {{ {io} }} {rest} }}\n")


@pytest.mark.parametrize("block", range(8))
def test_random_policies(block: int) -> None:
    """Random policies, each compared around every number in the facts."""
    for seed in range(block * 250, block * 250 + 250):
        source = draw_policy(seed)
        domain = compile_small(source).domains["guest"]
        compare_policy(domain, Oracle([load_facts()[1], parse_text(source)], "guest"), source.text)


def compare_policy(domain: Domain, oracle: Oracle, text: str) -> None:
    data = make_msr_bitmap(domain)
    for direction, start in (("read", 0), ("write", 2048)):
        for number in EDGES:
            assert bit(data, start * 8 + number) == oracle.msr_exits(number, direction), f"{number:#x} in {text}"
        for number in HIGH_EDGES:
            index = (start + 1024) * 8 + number % 0x2000
            assert bit(data, index) == oracle.msr_exits(number, direction), f"{number:#x} in {text}"
    ports = make_io_bitmap(domain)
    for port in (0, 0x5F, 0x60, 0x61, 0x6F, 0x70, 0x71, 0x72, 0xFFFF):
        assert bit(ports, port) == oracle.port_exits(port), f"port {port:#x} in {text}"


def test_the_oracle_finds_a_wrong_bit(library: ctypes.CDLL, oracle: Oracle) -> None:
    """The oracle finds a single wrong bit."""
    data = bytearray(read_array(library, "dom0_msr_bitmap", 4096))
    data[0x277 // 8] ^= 1 << 0x277 % 8
    with pytest.raises(AssertionError, match="read 0x277"):
        compare_msrs(bytes(data), oracle, range(0x270, 0x280), range(0))




def test_pass_beyond_the_bitmap_is_executed() -> None:
    """MSRs outside the bitmaps always cause exits: a rule that passes them does so in root mode. SDM 25.6.9"""
    facts = "/// Beyond.\nmsrs { 0xC0010015 IA32_BEYOND : plain; }\n"
    rules = "msr { default inject gp; IA32_BEYOND pass; IA32_PAT pass; }"
    rest = 'io { default pass; } exceptions { default pass; } on cpuid { advance; } on triple_fault { reset "over"; }'
    model = compile_small(SourceFile("beyond.luv", f"{facts}/// A guest.\ndomain guest {{ {rules} {rest} }}\n"))
    domain = model.domains["guest"]
    lines = "\n".join(case_lines(domain.msr.read, domain.msr.default_read, "read", domain.bitmaps["msr"]))
    assert "case IA32_BEYOND:\n    guest_msr_read_try(cpu, msr);" in lines
    assert "IA32_PAT" not in lines
