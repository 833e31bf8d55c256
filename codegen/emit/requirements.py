"""What the processor must have, for the check that runs before anything else, in 32-bit code."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.check.evaluate import setting_of
from codegen.emit.files import Output, header_comment, render
from codegen.model.choices import Domain, Model
from codegen.model.facts import ControlWord, Feature

NOTHING = "NOTHING"
WORDS = {"eax": 0, "ebx": 1, "ecx": 2, "edx": 3}


@dataclass(frozen=True)
class Requirement:
    """A line of the table: where to look (leaf or MSR, subleaf or TRUE MSR, word, bit), what to expect, a name."""

    kind: str
    number: str
    alternative: str
    word: int
    bit: int
    expected: int
    depends: str
    name: str


class RequirementList:
    """Lines in order; what a line rests on stands before it."""

    def __init__(self, model: Model, domain: Domain) -> None:
        self.model, self.domain = model, domain
        self.lines: list[Requirement] = []
        self.index: dict[str, int] = {}

    def add(self, key: str, line: Requirement) -> None:
        """Add one line, once per key."""
        self.index[key] = len(self.lines)
        self.lines.append(line)

    def depends(self, key: str) -> str:
        """Return the line that a key rests on."""
        return str(self.index[key]) if key in self.index else NOTHING

    def build(self) -> list[Requirement]:
        """Return all lines, what others rest on first."""
        for feature in self.domain.required_features:
            self.add_feature(feature)
        self.add_lock()
        for word in self.model.facts.words.values():
            self.add_word(word)
        for one in self.domain.required:
            if not one.optional:
                table = self.model.facts.capabilities[one.table]
                name = f"{one.table}.{one.bit.name}"
                line = self.msr_line("REQUIRE_MSR", table.msr, "0", one.bit.low, 1, "secondary.enable_ept", name)
                self.add(name, line)
        return self.lines

    def add_feature(self, feature: Feature) -> None:
        """Add a bit of CPUID, by what it is and by its name."""
        leaf, subleaf = feature.leaf.first, (feature.leaf.subleaves or (0, 0))[0]
        title = feature.doc.summary.rstrip(".")
        plain = title[:1].lower() + title[1:] if title[1:2].islower() else title
        name = f"{plain} ({feature.name})" if title else feature.name
        word = WORDS[feature.register]
        line = Requirement("REQUIRE_CPUID", f"{leaf:#x}", str(subleaf), word, feature.low, 1, NOTHING, name)
        self.add(feature.name, line)

    def add_lock(self) -> None:
        """Require that VMXON is allowed, or that the register is unlocked so that we can allow it. SDM: 24.7"""
        layout = self.model.facts.layouts.get("feature_control")
        bit = layout.find("vmx_outside_smx") if layout else None
        if bit is not None:
            text = "VT-x not locked off by firmware"
            self.add("lock", self.msr_line("REQUIRE_LOCK", "IA32_FEATURE_CONTROL", "0", bit.low, 1, "vmx", text))

    def add_word(self, word: ControlWord) -> None:
        """Require bits that are on or stay off. Bits 63:32 of the MSR are allowed-1, 31:0 allowed-0."""
        for control in word.controls:
            setting = setting_of(self.domain, control.path)
            name = control.path
            if setting in ("on", "switched"):
                bit = control.bit if word.allowed1_only else control.bit + 32
                self.add(control.path, self.word_line(word, bit, 1, name))
            elif setting == "off" and not word.allowed1_only and word.true_msr:
                self.add(control.path, self.word_line(word, control.bit, 0, f"{name} = off"))

    def word_line(self, word: ControlWord, bit: int, expected: int, name: str) -> Requirement:
        """Return the line for a control that must be there."""
        depends = "vmx" if word.true_msr else "primary.activate_secondary"
        return self.msr_line("REQUIRE_MSR", word.msr, word.true_msr or "0", bit, expected, depends, name)

    def msr_line(
        self, kind: str, msr: str, true_msr: str, bit: int, expected: int, depends: str, name: str
    ) -> Requirement:
        """Return the line for a bit of a capability MSR."""
        return Requirement(kind, msr, true_msr, bit // 32, bit % 32, expected, self.depends(depends), name)


def make_requirements(model: Model, domain: Domain) -> Output:
    """Generate the table that the boot code goes through."""
    first = header_comment(f"spec/{domain.name}.luv", f"What {domain.name} needs of the processor.")
    lines = RequirementList(model, domain).build()
    return Output("requirements.inc", render("requirements.inc.j2", first=first, lines=lines))
