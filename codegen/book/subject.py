"""What the book is about: a spec's model, the C made of it, its ledgers, and what runs recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from codegen.book.records import Records
from codegen.insight.ledger import Ledger
from codegen.model.choices import Domain, Model
from codegen.model.facts import Facts
from codegen.source import SourceFile


@dataclass(frozen=True)
class Subject:
    """`generated`: the compiler's files by name; `documents`: handwritten pages by path."""

    model: Model
    sources: tuple[SourceFile, ...]
    generated: dict[str, str]
    ledgers: tuple[Ledger, ...]
    documents: dict[str, str] = field(default_factory=dict)
    records: Records = field(default_factory=Records)
    digest: str = ""

    @property
    def facts(self) -> Facts:
        return self.model.facts

    @property
    def domains(self) -> list[Domain]:
        return list(self.model.domains.values())

    @property
    def hosts(self) -> list[Domain]:
        """Those that no VMM runs: boots recorded their exits, and CPUID and memory are the spec's to give."""
        return [one for one in self.domains if not one.under]

    def count_exits(self, exit: str, domain: str) -> str:
        """How often the recorded boot took an exit, or nothing."""
        known = any(one.name == domain for one in self.hosts)
        counted = self.records.exits.get(exit, 0) if known else 0
        return f"{counted:,}" if counted else ""

    @property
    def outdated(self) -> bool:
        """Whether what was recorded ran with another spec."""
        return any(one != self.digest for one in self.records.specs)

    @cached_property
    def paths(self) -> set[str]:
        return {one.path for one in self.sources}

    def find_source(self, path: str) -> SourceFile | None:
        return next((one for one in self.sources if one.path == path), None)

    def find_function(self, file: str, name: str) -> str:
        """A C function of a generated file, its comment included; nothing where there is none."""
        pattern = rf"(?:^/\*[^\n]*\*/\n)?^static [^\n]*\b{re.escape(name)}\([^;\n]*\)\n\{{\n.*?^\}}\n"
        found = re.search(pattern, self.generated.get(file, ""), re.MULTILINE | re.DOTALL)
        return found[0] if found else ""
