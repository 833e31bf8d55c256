"""What the processor must have: the table of the check that runs before anything else, in 32-bit code."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.check.evaluate import setting_of
from codegen.emit.files import Output, header_comment, render
from codegen.model.choices import Domain, Model
from codegen.model.events import needed_controls
from codegen.model.facts import ControlWord, Feature
from codegen.model.ir import Always, Condition

NOTHING = "NO_REQUIREMENT"
WORDS = {"eax": 0, "ebx": 1, "ecx": 2, "edx": 3}
HALVES = ("MSR_LOW", "MSR_HIGH")


@dataclass(frozen=True)
class Requirement:
    """A row of the table: where to look (leaf or MSR, subleaf or TRUE MSR, word, bit), what to expect, a name."""

    kind: str
    number: str
    alternative: str
    word: int
    bit: int
    expected: int
    depends: str
    name: str

    @property
    def place(self) -> str:
        """Return the C name of the word."""
        return f"CPUID_E{'ABCD'[self.word]}X" if self.kind == "REQUIRE_CPUID" else HALVES[self.word]


class RequirementList:
    """Rows in order; one that others depend on comes before them."""

    def __init__(self, model: Model, domain: Domain) -> None:
        self.model, self.domain, self.extensions = model, domain, model.facts.extensions
        self.rows: list[Requirement] = []
        self.index: dict[str, int] = {}
        self.numbers: dict[str, int] = {}

    def add(self, key: str, row: Requirement) -> None:
        """Append a row, once per key."""
        self.index[key] = len(self.rows)
        self.rows.append(row)

    def depends(self, key: str) -> str:
        """Return the constant for the row of `key`, which others depend on."""
        if key not in self.index:
            return NOTHING
        name = f"NEEDS_{key.replace('.', '_').upper()}"
        self.numbers[name] = self.index[key]
        return name

    def build(self) -> list[Requirement]:
        """Return all rows, those that others depend on first."""
        for feature in self.domain.required_features:
            self.add_feature(feature)
        self.add_lock()
        for word in self.model.facts.words.values():
            self.add_word(word)
        for one in self.domain.required:
            if not one.optional:
                table = self.model.facts.capabilities[one.table]
                name = f"{one.table}.{one.bit.name}"
                depends = self.find_needed(table.needs)
                self.add(name, self.msr_row("REQUIRE_MSR", table.msr, "0", one.bit.low, 1, depends, name))
        return self.rows

    def add_feature(self, feature: Feature) -> None:
        """Add a bit of CPUID, by its title and its name."""
        leaf, subleaf = feature.leaf.first, (feature.leaf.subleaves or (0, 0))[0]
        title = feature.doc.summary.rstrip(".")
        plain = title[:1].lower() + title[1:] if title[1:2].islower() else title
        name = f"{plain} ({feature.name})" if title else feature.name
        word = WORDS[feature.register]
        row = Requirement("REQUIRE_CPUID", f"{leaf:#x}", str(subleaf), word, feature.low, 1, NOTHING, name)
        self.add(feature.name, row)

    def add_lock(self) -> None:
        """Add that the extensions are allowed, or the register unlocked so that we can allow them."""
        lock = self.extensions.lock if self.extensions else None
        if lock is not None:
            depends = self.find_needed(Always(True))
            self.add("lock", self.msr_row("REQUIRE_LOCK", lock.msr, "0", lock.bit.low, 1, depends, lock.text))

    def add_word(self, word: ControlWord) -> None:
        """Add that bits to be on may be 1 (bits 63:32 of the MSR), and bits to be off may be 0 (bits 31:0)."""
        for control in word.controls if word.msr else ():
            setting = setting_of(self.domain, control.path)
            name = control.path
            if setting in ("on", "switched"):
                bit = control.bit if word.allowed1_only else control.bit + 32
                self.add(control.path, self.word_row(word, bit, 1, name))
            elif setting == "off" and not word.allowed1_only and word.true_msr:
                self.add(control.path, self.word_row(word, control.bit, 0, f"{name} = off"))

    def word_row(self, word: ControlWord, bit: int, expected: int, name: str) -> Requirement:
        """Return the row of a control."""
        depends = self.find_needed(self.model.facts.word_needs[word.name])
        return self.msr_row("REQUIRE_MSR", word.msr, word.true_msr or "0", bit, expected, depends, name)

    def find_needed(self, condition: Condition) -> str:
        """Return the key of the row without which a capability MSR is not there: its last control, or the feature."""
        controls = needed_controls(condition)
        return controls[-1] if controls else self.extensions.feature if self.extensions else ""

    def msr_row(
        self, kind: str, msr: str, true_msr: str, bit: int, expected: int, depends: str, name: str
    ) -> Requirement:
        """Return the row of a bit of a capability MSR."""
        return Requirement(kind, msr, true_msr, bit // 32, bit % 32, expected, self.depends(depends), name)


def make_requirements(model: Model, domain: Domain) -> Output:
    """Return the table that the 32-bit start goes through."""
    first = header_comment(f"spec/{domain.name}.luv", f"What {domain.name} needs of the processor.")
    requirements = RequirementList(model, domain)
    rows = requirements.build()
    text = render("requirements.c.j2", first=first, rows=rows, numbers=requirements.numbers.items())
    return Output(f"{model.facts.processor}/requirements.32.c", text)
