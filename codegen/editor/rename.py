"""Rename a name in all files of a spec; refuse what would not compile, and say what else has the name.

A rename is tried before it is made: the changed spec is parsed, indexed, resolved and printed as C. What the
compiler knows by name, and what handwritten code is written against, shows itself that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codegen.diagnostics import Diagnostic, Reporter
from codegen.editor.names import LANGUAGE, LOCALS, UNKNOWN, Index, Key
from codegen.editor.project import Analysis, resolve_files
from codegen.editor.uses import make_index
from codegen.emit import generate_all
from codegen.language import syntax
from codegen.language.parser import parse_file
from codegen.model.choices import Model
from codegen.source import SourceFile, Span

Models = Mapping[str, Model]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
HANDWRITTEN = ("runtime", "dom0", "tests", "bench", "machine", "codegen")
COMPILER = tuple(f"codegen/{room}/" for room in ("resolve", "check", "emit", "model", "query", "book"))
MIN_LITERAL = 3  # shorter words stand in quotes for many reasons
SUFFIXES = (".c", ".h", ".asm", ".inc", ".s", ".S", ".ld", ".py")


class RenameRefused(Exception):
    """A name cannot be renamed; the text says why."""


@dataclass(frozen=True)
class Rename:
    """The spans that get another text, and the places of handwritten code that name what it changes."""

    spans: tuple[Span, ...]
    citations: tuple[str, ...]


def check_renamable(key: Key, analysis: Analysis) -> None:
    """Refuse what is no name of the spec, and names that are not written out wherever they are used."""
    if key[0] in (LANGUAGE, UNKNOWN) or key not in analysis.index.definitions:
        raise RenameRefused(f"`{key[-1]}` is a word of the language, or nothing defines it")
    if key[0] == "section":
        raise RenameRefused("the manual numbers its sections")
    if analysis.stale:
        raise RenameRefused(f"{next(iter(analysis.stale))} has a syntax error: uses in it would be missed")
    for span in analysis.index.list_places(key):
        if (text := read(span, analysis.sources)) != key[-1]:
            raise RenameRefused(f"`each` makes `{key[-1]}` of `{text}` in {span.path}:{span.line}")


def read(span: Span, sources: dict[str, SourceFile]) -> str:
    """Return the text of a span."""
    line = sources[span.path].lines[span.line - 1]
    return line[span.column - 1 : span.column - 1 + span.length]


def rename(key: Key, new: str, analysis: Analysis, root: Path | None) -> Rename:
    """Return what a rename changes, after trying it."""
    check_renamable(key, analysis)
    if not NAME.fullmatch(new):
        raise RenameRefused(f"`{new}` is no name: letters, digits and underscores, no digit first")
    spans = tuple(analysis.index.list_places(key))
    sources = {path: change(source, spans, new) for path, source in analysis.sources.items()}
    files = parse_changed(analysis, sources)
    check_meaning(key, new, spans, analysis.index, make_index(files))
    models = compile_changed(files, analysis.diagnostics)
    if root is None or key[0] in LOCALS:
        return Rename(spans, ())
    return Rename(spans, tuple(find_citations(key[-1], analysis.models, models, root)))


def change(source: SourceFile, spans: Iterable[Span], new: str) -> SourceFile:
    """Return a file in which spans have another text."""
    lines = list(source.lines)
    for span in sorted((one for one in spans if one.path == source.path), reverse=True):
        line = lines[span.line - 1]
        lines[span.line - 1] = line[: span.column - 1] + new + line[span.column - 1 + span.length :]
    return SourceFile(source.path, "\n".join(lines))


def parse_changed(analysis: Analysis, sources: dict[str, SourceFile]) -> tuple[syntax.File, ...]:
    """Return the syntax of all files; refuse a name that is a keyword where it would stand."""
    files = []
    for file in analysis.files:
        source, reporter = sources[file.path], Reporter()
        parsed = file if source.text == analysis.sources[file.path].text else parse_file(source, reporter)
        if parsed is None:
            raise RenameRefused(f"then {say_first(reporter.diagnostics)}")
        files.append(parsed)
    return tuple(files)


def say_first(found: Iterable[Diagnostic]) -> str:
    """Return the first of several messages with its place."""
    return next((f"{one.span.path}:{one.span.line} is an error: {one.message}" for one in found), "")


def check_meaning(key: Key, new: str, spans: tuple[Span, ...], old: Index, index: Index) -> None:
    """Refuse a name that has a meaning already: every place that got it must mean the same, and no other."""
    made = {find_new(span, spans, new, index) for span in spans}
    wanted = (*key[:-1], new)
    places = [span for one in made if one for span in index.list_places(one)]
    same = all(one == wanted or (one is not None and key[0] in LOCALS and one[0] == key[0]) for one in made)
    if not same or len(made) != 1 or len(places) != len(spans):
        raise RenameRefused(f"`{new}` is taken: something else would have the same name")
    if count_unknown(index) > count_unknown(old):
        raise RenameRefused(f"`{new}` hides another name")


def find_new(span: Span, spans: tuple[Span, ...], new: str, index: Index) -> Key | None:
    """Return the key at a changed span, which earlier changes of its line have moved."""
    before = sum(1 for one in spans if (one.path, one.line) == (span.path, span.line) and one.column < span.column)
    column = span.column + before * (len(new) - span.length)
    found = [one for one in index.lines.get((span.path, span.line), ()) if one.span.column == column]
    return next((one.key for one in found if one.key[-1] == new), None)


def count_unknown(index: Index) -> int:
    """Return how many uses mean nothing."""
    return sum(len(found) for key, found in index.uses.items() if key[0] == UNKNOWN)


def compile_changed(files: tuple[syntax.File, ...], before: tuple[Diagnostic, ...]) -> Models:
    """Return the changed models; refuse where the compiler has errors that it did not have."""
    models, found = resolve_files(files)
    if len(found) > len(before):
        known = {(one.name, one.span.path, one.span.line) for one in before}
        fresh = [one for one in found if (one.name, one.span.path, one.span.line) not in known]
        raise RenameRefused(f"the compiler knows this name: then {say_first(fresh or found)}")
    return models


# ---- handwritten code


def find_citations(name: str, old: Models, new: Models, root: Path) -> Iterator[str]:
    """Yield lines of handwritten code that name what a rename takes out of generated code, or the name itself."""
    lost = list_lost(name, old, new, root)
    literal = re.compile(rf"""["']{re.escape(name)}["']""".encode())
    for path in list_handwritten(root):
        place = path.relative_to(root).as_posix()
        is_compiler = place.startswith(COMPILER) and len(name) >= MIN_LITERAL
        data = path.read_bytes()
        if not (lost & set(WORD.findall(data)) or (is_compiler and literal.search(data))):
            continue
        for number, line in enumerate(data.split(b"\n"), 1):
            words = lost & set(WORD.findall(line))
            if words or (is_compiler and literal.search(line)):
                yield f"{place}:{number}: {min(words).decode() if words else name}"


def list_lost(name: str, old: Models, new: Models, root: Path) -> frozenset[bytes]:
    """Return the words of generated code that have the name in them and are gone after the rename."""
    before, after = (words_of(models, root) for models in (old, new))
    return frozenset(word for word in before - after if name.lower().encode() in word.lower())


def words_of(models: Models, root: Path) -> set[bytes]:
    """Return all words of what models are printed as."""
    try:
        return {word for one in generate_all(models, root) for word in WORD.findall(one.text.encode())}
    except (LookupError, AttributeError, ValueError, StopIteration):  # a spec with errors cannot be printed
        return set()


def list_handwritten(root: Path) -> Iterator[Path]:
    """Yield the files that people write against what is generated."""
    for folder in HANDWRITTEN:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and not {"golden", "__pycache__"} & set(path.parts):
                yield path
