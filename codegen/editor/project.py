"""A spec while it is edited: files from disk, open ones from the editor, and what they say together.

A file with a syntax error keeps its last good syntax, so that everything else still resolves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from codegen.check import check_each
from codegen.diagnostics import Diagnostic, Reporter, SpecError
from codegen.editor.lines import Shift, join_lines, make_shift
from codegen.editor.names import Index, Use
from codegen.editor.uses import make_index
from codegen.language import syntax
from codegen.language.parser import parse_file
from codegen.model.choices import Model
from codegen.parse_cache import read_cached, write_cached
from codegen.query.reading import Reading
from codegen.resolve.spec import resolve_each
from codegen.source import SourceFile, Span, load_file, load_files

SPEC = "spec"


@dataclass(frozen=True)
class Parsed:
    """The last good syntax of a file, and the text that it is of."""

    source: SourceFile
    file: syntax.File


@dataclass(frozen=True)
class Analysis:
    """What all files say. `stale`: those whose syntax is of an earlier text, and what the texts have in common."""

    sources: dict[str, SourceFile]
    files: tuple[syntax.File, ...]
    models: Mapping[str, Model]  # by processor; none where not even syntax is known of every file
    diagnostics: tuple[Diagnostic, ...]
    stale: dict[str, tuple[Parsed, Shift]]

    @cached_property
    def index(self) -> Index:
        return make_index(self.files)

    @property
    def model(self) -> Model | None:
        """Return the model of the first processor, whose choices and sections are those of all."""
        return next(iter(self.models.values()), None)

    @property
    def reading(self) -> Reading | None:
        """Return what `explain` reads; its sources are those that the model was made of."""
        known = {**self.sources, **{path: parsed.source for path, (parsed, _) in self.stale.items()}}
        error = SpecError(self.diagnostics, known) if self.diagnostics else None
        first = next(iter(self.models), None)
        return Reading(SPEC, tuple(known.values()), self.models, first, error) if first is not None else None

    def find(self, path: str, line: int, column: int) -> Use | None:
        """Return the name at a place of the present text; where that is no good syntax, the nearest of that word."""
        if path not in self.stale:
            return self.index.find(path, line, column)
        old = self.stale[path][1].find_old(line)
        found = self.index.find(path, old, column) if old else None
        return found or self.find_word(path, line, column)

    def find_word(self, path: str, line: int, column: int) -> Use | None:
        """Return the use of the word at a place that is nearest in the last good text."""
        source = self.sources[path]
        word = find_word(source.lines[line - 1] if line <= len(source.lines) else "", column)
        uses = (one for (at, _), found in self.index.lines.items() if at == path for one in found)
        named = (one for one in uses if word and one.key[-1] == word)
        return min(named, key=lambda one: abs(one.span.line - line), default=None)

    def locate(self, span: Span) -> Span | None:
        """Return where a span of the syntax is in the present text, or None where that changed."""
        if span.path not in self.stale:
            return span
        line = self.stale[span.path][1].find_new(span.line)
        return replace(span, line=line) if line else None


def find_word(line: str, column: int) -> str:
    """Return the word that a column is in, or right after."""
    start = end = min(column - 1, len(line))
    while start and is_letter(line[start - 1]):
        start -= 1
    while end < len(line) and is_letter(line[end]):
        end += 1
    return line[start:end]


def is_letter(letter: str) -> bool:
    """Return whether a character may stand in a name."""
    return letter == "_" or (letter.isascii() and letter.isalnum())


def find_spec(path: Path) -> Path | None:
    """Return the folder of the spec that a file belongs to: the nearest of that name with choices right in it."""
    named = (one for one in path.parents if one.name == SPEC)
    return next((one for one in named if one == path.parent or any(one.glob("*.luv"))), None)


@dataclass
class Project:
    """The files of one spec; `folder` is None for a file that belongs to none, which is only parsed."""

    folder: Path | None
    buffers: dict[str, str] = field(default_factory=dict)
    good: dict[str, Parsed] = field(default_factory=dict)
    last: Analysis | None = None

    @property
    def cache(self) -> Path | None:
        return self.folder.parent / "build" / "syntax" if self.folder else None

    def name(self, path: Path) -> str:
        """Return a file as messages call it."""
        if self.folder is None or not path.is_relative_to(self.folder):
            return str(path)
        return f"{self.folder.name}/{path.relative_to(self.folder).as_posix()}"

    def path(self, name: str) -> Path:
        """Return the file that has a name in messages."""
        return self.folder.parent / name if self.folder and not Path(name).is_absolute() else Path(name)

    def load(self) -> dict[str, SourceFile]:
        """Return all files, open ones as the editor has them."""
        found = load_files(self.folder, self.folder.name) if self.folder and self.folder.is_dir() else []
        known = {one.path: one for one in found}
        known |= {path: SourceFile(path, join_lines(text)) for path, text in self.buffers.items()}
        return dict(sorted(known.items()))

    def analyse(self) -> Analysis:
        """Return what the files say now; nothing is done again where no text changed."""
        sources = self.load()
        if self.last is None or self.last.sources != sources:
            self.last = self.analyse_sources(sources)
        return self.last

    def analyse_sources(self, sources: dict[str, SourceFile]) -> Analysis:
        """Return what texts say; errors of a stage come together, as from `build.py`."""
        reporter = Reporter()
        for source in sources.values():
            self.parse(source, reporter)
        self.good = {path: one for path, one in self.good.items() if path in sources}
        broken = {one.span.path for one in reporter.diagnostics}
        old = {path: one for path, one in self.good.items() if path in broken}
        stale = {path: (one, make_shift(one.source, sources[path])) for path, one in old.items()}
        files = tuple(self.good[path].file for path in sources if path in self.good)
        if self.folder is None or not broken <= self.good.keys():
            return Analysis(sources, files, {}, tuple(reporter.diagnostics), stale)
        models, found = resolve_files(files)
        later = [one for one in found if one.span.path not in broken]
        return Analysis(sources, files, models, (*reporter.diagnostics, *later), stale)

    def parse(self, source: SourceFile, reporter: Reporter) -> None:
        """Parse a file whose text changed; one from disk may have been parsed by an earlier run."""
        known = self.good.get(source.path)
        if known and known.source.text == source.text:
            return
        cache = None if source.path in self.buffers else self.cache
        file = read_cached(source, self.cache)
        if file is None:
            file = parse_file(source, reporter)
            write_cached(source, file, cache)
        if file is not None:
            self.good[source.path] = Parsed(source, file)
        elif known is None and source.path in self.buffers:
            self.parse_saved(source.path)

    def parse_saved(self, name: str) -> None:
        """Take a file as it is on disk for its last good state, where the first text seen of it has an error."""
        path = self.path(name)
        saved = load_file(path, name) if path.is_file() else None
        file = parse_file(saved, Reporter()) if saved else None
        if saved and file:
            self.good[name] = Parsed(saved, file)


def resolve_files(files: tuple[syntax.File, ...]) -> tuple[dict[str, Model], list[Diagnostic]]:
    """Return the model for each processor, as far as it resolves, and what is wrong on any."""
    reporter = Reporter()
    models = resolve_each(files, reporter)
    if not reporter.failed:
        check_each(models, reporter)
    return models, reporter.diagnostics
