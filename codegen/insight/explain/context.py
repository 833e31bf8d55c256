"""Where explanations find things: the spec's lines, generated code, tests, records of runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from codegen.insight.arms import Arm, list_arms
from codegen.insight.explain.page import shorten
from codegen.insight.ledger import Ledger, make_ledgers
from codegen.insight.reading import BadArgument, Reading
from codegen.insight.records import Record, read_records
from codegen.insight.words import say_place
from codegen.model.choices import Domain, Model
from codegen.model.facts import Facts
from codegen.source import SourceFile, Span

SECTIONS = re.compile(r"SDM:\s*(.*)$")
NUMBER = re.compile(r"\b(?:[0-9]+|[A-Z])(?:\.[0-9]+)*\b")
SUFFIXES = (".py", ".c", ".h", ".asm", ".luv", ".sh")
OTHERS = {"insight", "golden"}  # tests of these commands, and files that list everything
FEW = 6


@dataclass(frozen=True)
class Context:
    """A spec that was read, and the tree around it; `domain`: the only one to explain, or every one."""

    reading: Reading
    root: Path
    domain: str = ""

    @property
    def model(self) -> Model:
        return self.reading.model

    @property
    def facts(self) -> Facts:
        return self.reading.model.facts

    @property
    def domains(self) -> list[Domain]:
        return [one for one in self.model.domains.values() if self.domain in ("", one.name)]

    @cached_property
    def ledgers(self) -> dict[str, Ledger]:
        return {one.domain: one for one in make_ledgers(self.reading)}

    @cached_property
    def sources(self) -> dict[str, SourceFile]:
        return {one.path: one for one in self.reading.sources}

    # ---- the spec's own words

    def quote(self, span: Span) -> list[str]:
        """A declaration's place and its lines, to the end of its statement."""
        source = self.sources.get(span.path)
        if source is None:
            return []
        lines = source.lines[span.line - 1 : span.line + 11]
        return [say_place(span), *(f"  {line.strip()}" for line in take_statement(lines))]

    def cite(self, span: Span) -> list[str]:
        """What is written above the line and above its table, and the manual's sections with their titles."""
        docs = [line for line in (self.doc_above(span), self.doc_of_table(span)) if line]
        words = [SECTIONS.sub("", doc).strip() for doc in docs]
        numbers = [number for doc in docs for found in SECTIONS.findall(doc) for number in NUMBER.findall(found)]
        titles = self.facts.sections
        sections = [f"SDM {one}: {titles[one]}" for one in dict.fromkeys(numbers) if one in titles]
        return [*dict.fromkeys(word for word in words if word), *sections]

    def doc_above(self, span: Span) -> str:
        """The `///` lines right above a line."""
        source = self.sources.get(span.path)
        lines = source.lines[: span.line - 1] if source else []
        found: list[str] = []
        for line in reversed(lines):
            if not line.strip().startswith("///"):
                break
            found.insert(0, line.strip().removeprefix("///").strip())
        return " ".join(found)

    def doc_of_table(self, span: Span) -> str:
        """The documentation of the declaration that a line is in: the last that begins at the margin."""
        source = self.sources.get(span.path)
        before = range(span.line - 1, 0, -1) if source else ()
        starts = [line for line in before if source and re.match(r"[a-z]", source.lines[line - 1])]
        return self.doc_above(Span(span.path, starts[0], 1, 1)) if starts else ""

    # ---- generated code

    @cached_property
    def generated(self) -> dict[str, list[str]]:
        folder = self.root / "generated"
        paths = sorted(path for path in folder.glob("*") if path.suffix in (".c", ".h", ".asm", ".inc"))
        return {path.name: path.read_text(encoding="utf-8").split("\n") for path in paths}

    def grep_code(self, pattern: str, names: Iterable[str] = ()) -> list[str]:
        """Lines of generated/ that match, each with its place."""
        wanted = list(names) or [name for name in self.generated if not name.endswith((".inc",))]
        found = [
            f"generated/{name}:{number}: {line.strip()}"
            for name in wanted
            for number, line in enumerate(self.generated.get(name, ()), 1)
            if re.search(pattern, line)
        ]
        return shorten(found, 8)

    def quote_function(self, name: str, file: str) -> list[str]:
        """A function of generated C, whole or its beginning."""
        lines = self.generated.get(file, [])
        for index, line in enumerate(lines):
            if re.match(rf"[a-z].*\b{re.escape(name)}\(.*\)$", line):
                end = next(at for at in range(index, len(lines)) if lines[at] == "}")
                return [f"generated/{file}:{index + 1}:", *shorten([f"  {one}" for one in lines[index : end + 1]])]
        return []

    # ---- tests and runs

    def find_tests(self, *patterns: str) -> list[str]:
        """Lines of the tests' sources and of dom0's programs that name a thing, the boots' first."""
        wanted = re.compile("|".join(patterns), re.IGNORECASE)
        found = [
            f"{path.relative_to(self.root).as_posix()}:{number}: {line.strip()}"
            for path in self.test_files()
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1)
            if wanted.search(line)
        ]
        return shorten(found, FEW)

    def test_files(self) -> Iterator[Path]:
        order = ("tests/boots", "tests/guests", "tests/machine", "tests/userspace", "dom0", "tests/host", "tests")
        seen: set[Path] = set()
        for folder in order:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in SUFFIXES and path not in seen and not OTHERS & set(path.parts):
                    seen.add(path)
                    yield path

    @cached_property
    def records(self) -> list[Record]:
        """Records of runs of this spec, where tests leave them; those of other specs say nothing here."""
        arms = list_arms(self.model)
        found: list[Record] = []
        for path in sorted((self.root / "build" / "records").glob("*.json")):
            try:
                found += read_records([path], self.reading.digest, arms)
            except BadArgument:
                continue
        return found

    def taken_exit(self, domain: str, number: int) -> list[str]:
        """Runs in which an exit was taken, and how often."""
        taken = [(one.by, one.exit_total(domain, number)) for one in self.records]
        return [f"taken {count} times by {by}" for by, count in taken if count]

    def taken_arms(self, wanted: str) -> list[str]:
        """Runs in which an arm whose name begins so was taken, and how often."""
        arms: list[Arm] = [arm for arm in list_arms(self.model) if arm.key.startswith(wanted)]
        counts = [(one.by, arm.key, (one.arms or {}).get(arm.key, 0)) for one in self.records for arm in arms]
        return shorten([f"{key}: taken {count} times by {by}" for by, key, count in counts if count], FEW)


def take_statement(lines: list[str]) -> list[str]:
    """Lines up to the end of the first statement: a semicolon or a closing brace that leaves no brace open."""
    depth = 0
    for index, line in enumerate(lines):
        code = line.split("//")[0]
        depth += code.count("{") - code.count("}")
        if depth <= 0 and code.rstrip().endswith((";", "}", "{")):
            return lines[: index + 1]
    return lines
