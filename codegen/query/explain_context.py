"""What explanations are made from: the spec's lines, generated code, tests, records of runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from codegen.emit import generate_all
from codegen.image.tree import Tree, is_current
from codegen.language.words import SECTION
from codegen.model.choices import Domain, Model
from codegen.model.facts import Facts
from codegen.query.branches import Branch, list_branches
from codegen.query.coverage import Coverage, make_coverages
from codegen.query.reading import BadArgument, Reading, Record, read_records
from codegen.query.words import say_place
from codegen.source import SourceFile, Span

# ---- the screen


MARGIN = 8
WIDTH = 118
MOST_LINES = 16


@dataclass
class Page:
    """`fact`, `choice`, `code`, `tests`: lines each; a part without lines is omitted."""

    title: str
    fact: list[str] = field(default_factory=list)
    choice: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    def write(self) -> str:
        """Return the title, then each part beside its name."""
        tests = self.tests or ["no test names it"]
        parts = {"fact": self.fact, "choice": self.choice, "code": self.code, "tests": tests}
        blocks = [write_part(name, lines) for name, lines in parts.items() if lines]
        return "\n".join([self.title, *blocks])


def write_part(name: str, lines: list[str]) -> str:
    """Return lines in a column beside the part's name; long ones end in an ellipsis."""
    room = WIDTH - MARGIN
    cut = [line if len(line) <= room else line[: room - 3] + "..." for line in lines]
    margin = " " * MARGIN
    return "\n".join(["", *(f"{f'{name:<{MARGIN}}' if not index else margin}{line}" for index, line in enumerate(cut))])


def shorten(lines: list[str], most: int = MOST_LINES) -> list[str]:
    """Return the first lines, and how many more there are."""
    return lines if len(lines) <= most else [*lines[: most - 1], f"... {len(lines) - most + 1} more lines"]


# ---- what a word on the command line means


Thing = TypeVar("Thing")


def read_number(word: str) -> int | None:
    """Return a number in C's notation, or None."""
    if re.fullmatch(r"0[xX][0-9a-fA-F_]+|[0-9]+", word):
        return int(word, 0 if word[:2].lower() == "0x" else 10)
    return None


def find_named(word: str, kind: str, things: Mapping[str, Thing]) -> Thing:
    """Return a thing by name, ignoring case; raise BadArgument, with the nearest name, if there is none."""
    folded = {name.lower(): thing for name, thing in things.items()}
    if word.lower() in folded:
        return folded[word.lower()]
    raise unknown(word, kind, things)


def unknown(word: str, kind: str, names: Iterable[str]) -> BadArgument:
    """Return the exception to raise if there is no such thing."""
    by_folded = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), list(by_folded), n=1, cutoff=0.5)
    hint = f"; did you mean `{by_folded[close[0]]}`?" if close else ""
    return BadArgument(f"`{word}` is no {kind}{hint}")


# ---- the tree around a spec


SECTIONS = re.compile(r"SDM:\s*(.*)$")
SUFFIXES = (".py", ".c", ".h", ".asm", ".luv", ".sh")
OTHERS = {"query", "golden"}  # tests of these commands, and files that list everything
FEW = 6


@dataclass(frozen=True)
class Context:
    """A spec that was read, and the tree around it; `domain`: the only one to explain, or all if empty."""

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
    def processor(self) -> str:
        return self.facts.processor

    @property
    def domains(self) -> list[Domain]:
        return [one for one in self.model.domains.values() if self.domain in ("", one.name)]

    @cached_property
    def coverages(self) -> dict[str, Coverage]:
        return {one.domain: one for one in make_coverages(self.reading)}

    @cached_property
    def sources(self) -> dict[str, SourceFile]:
        return {one.path: one for one in self.reading.sources}

    # ---- the spec's own words

    def quote(self, span: Span) -> list[str]:
        """Return a declaration's place and its lines, to the end of its statement."""
        source = self.sources.get(span.path)
        if source is None:
            return []
        lines = source.lines[span.line - 1 : span.line + 11]
        return [say_place(span), *(f"  {line.strip()}" for line in take_statement(lines))]

    def cite(self, span: Span) -> list[str]:
        """Return the comments above the line and above its table, and the sections of the manual with their titles."""
        docs = [line for line in (self.doc_above(span), self.doc_of_table(span)) if line]
        words = [SECTIONS.sub("", doc).strip() for doc in docs]
        numbers = [number for doc in docs for found in SECTIONS.findall(doc) for number in SECTION.findall(found)]
        titles = self.facts.sections
        sections = [f"SDM {one}: {titles[one]}" for one in dict.fromkeys(numbers) if one in titles]
        return [*dict.fromkeys(word for word in words if word), *sections]

    def doc_above(self, span: Span) -> str:
        """Return the `///` lines right above a line."""
        source = self.sources.get(span.path)
        lines = source.lines[: span.line - 1] if source else []
        found: list[str] = []
        for line in reversed(lines):
            if not line.strip().startswith("///"):
                break
            found.insert(0, line.strip().removeprefix("///").strip())
        return " ".join(found)

    def doc_of_table(self, span: Span) -> str:
        """Return the comment of the declaration around a line: the last that begins at the margin."""
        source = self.sources.get(span.path)
        before = range(span.line - 1, 0, -1) if source else ()
        starts = [line for line in before if source and re.match(r"[a-z]", source.lines[line - 1])]
        return self.doc_above(Span(span.path, starts[0], 1, 1)) if starts else ""

    # ---- generated code

    @cached_property
    def generated(self) -> dict[str, list[str]]:
        """Return the files of generated/ where they are of this spec, else what would be generated."""
        if self.reading.error:
            return {}
        if not is_current(Tree(self.root)):
            made = generate_all(self.reading.models, self.root)
            return {one.name: one.text.split("\n") for one in made}
        folder = self.root / "generated"
        paths = sorted(path for path in folder.rglob("*") if path.suffix in (".c", ".h", ".asm", ".inc"))
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8").split("\n") for path in paths}

    def grep_code(self, pattern: str, names: Iterable[str] = ()) -> list[str]:
        """Return the lines of generated/ that match, each with its place."""
        wanted = list(names) or [name for name in self.generated if not name.endswith((".inc",))]
        found = [
            f"generated/{name}:{number}: {line.strip()}"
            for name in wanted
            for number, line in enumerate(self.generated.get(name, ()), 1)
            if re.search(pattern, line)
        ]
        return shorten(found, 8)

    def quote_function(self, name: str, file: str) -> list[str]:
        """Return a function of generated C, whole or its beginning."""
        lines = self.generated.get(file, [])
        for index, line in enumerate(lines):
            if re.match(rf"[a-z].*\b{re.escape(name)}\(.*\)$", line):
                end = next(at for at in range(index, len(lines)) if lines[at] == "}")
                return [f"generated/{file}:{index + 1}:", *shorten([f"  {one}" for one in lines[index : end + 1]])]
        return []

    # ---- tests and runs

    def find_tests(self, *patterns: str) -> list[str]:
        """Return lines of the tests and of dom0's programs that name a thing, those of boots first."""
        wanted = re.compile("|".join(patterns), re.IGNORECASE)
        texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in self.test_files()}
        found = [
            f"{path.relative_to(self.root).as_posix()}:{number}: {line.strip()}"
            for path, text in texts.items()
            if wanted.search(text)
            for number, line in enumerate(text.split("\n"), 1)
            if wanted.search(line)
        ]
        return shorten(found, FEW)

    def test_files(self) -> Iterator[Path]:
        order = ("tests/boots", "tests/guests", "tests/machine", "tests/userspace", "dom0", "tests/host", "tests")
        seen: set[Path] = set()
        for folder in order:
            for path in sorted((self.root / folder).rglob("*")):
                names = set(path.relative_to(self.root).parts)
                if path.suffix in SUFFIXES and path not in seen and not OTHERS & names:
                    seen.add(path)
                    yield path

    @cached_property
    def records(self) -> list[Record]:
        """Read the records that tests left; ignore those of other specs."""
        branches = list_branches(self.model)
        found: list[Record] = []
        for path in sorted((self.root / "build" / "records").glob("*.json")):
            try:
                found += read_records([path], self.reading.digest, branches)
            except BadArgument:
                continue
        return found

    def taken_exit(self, domain: str, number: int) -> list[str]:
        """Return the runs in which an exit was taken, and how often."""
        taken = [(one.by, one.exit_total(domain, number)) for one in self.records]
        return [f"taken {count} times by {by}" for by, count in taken if count]

    def taken_branches(self, wanted: str) -> list[str]:
        """Return the runs in which a branch whose name begins with `wanted` was taken, and how often."""
        branches: list[Branch] = [branch for branch in list_branches(self.model) if branch.key.startswith(wanted)]
        pairs = [(one, branch.key) for one in self.records for branch in branches]
        counts = [(key, (one.branches or {}).get(key, 0), one.by) for one, key in pairs]
        return shorten([f"{key}: taken {count} times by {by}" for key, count, by in counts if count], FEW)


def take_statement(lines: list[str]) -> list[str]:
    """Return the lines of the first statement, up to a semicolon or a closing brace that leaves no brace open."""
    depth = 0
    for index, line in enumerate(lines):
        code = line.split("//")[0]
        depth += code.count("{") - code.count("}")
        if depth <= 0 and code.rstrip().endswith((";", "}", "{")):
            return lines[: index + 1]
    return lines
