"""Messages about a spec: collected as values, rendered with line, caret and hint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from codegen.source import NOWHERE, SourceFile, Span

WIDTH = 130  # of a line of the spec in a message; a longer one is cut around the caret
CONTEXT = 50  # what is left of it before the caret
CUT = "..."
CAUSES = ("duplicate-number", "duplicate-name")  # errors that others follow from: they come first


@dataclass(frozen=True)
class Note:
    """A second place that explains the first: another declaration, a fact."""

    span: Span
    text: str
    label: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One error: `name` is its heading in docs/errors.md and its file in tests/compiler/reject/."""

    name: str
    span: Span
    message: str
    label: str = ""
    notes: tuple[Note, ...] = ()
    help: str = ""


@dataclass
class Reporter:
    """Collects the errors of a run; building one files it here, so none is lost."""

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def add(self, diagnostic: Diagnostic) -> None:
        """File an error; the same one only once, whatever explains it."""
        if not any(same_error(diagnostic, one) for one in self.diagnostics):
            self.diagnostics.append(diagnostic)

    @property
    def failed(self) -> bool:
        """Return whether there is any error."""
        return bool(self.diagnostics)


class UseReporter(Reporter):
    """Files errors of shared statements, each with the place that uses them."""

    def __init__(self, outer: Reporter, use: Span, name: str) -> None:
        super().__init__()
        self.outer, self.note = outer, Note(use, f"`{name}` is used here")

    def add(self, diagnostic: Diagnostic) -> None:
        """File an error with the use that shows it."""
        self.outer.add(replace(diagnostic, notes=(*diagnostic.notes, self.note)))


def same_error(a: Diagnostic, b: Diagnostic) -> bool:
    """Return whether two errors say the same of the same place."""
    return (a.name, a.span, a.message) == (b.name, b.span, b.message)


def merge_reports(reports: Mapping[str, Reporter], reporter: Reporter) -> None:
    """File what was found for each processor: what all have in common once, the rest with the processor's name."""
    for name, report in reports.items():
        for one in report.diagnostics:
            common = all(any(same_error(one, other) for other in others.diagnostics) for others in reports.values())
            reporter.add(one if common else replace(one, message=f"on {name}, {one.message}"))


class SpecError(Exception):
    """The spec has errors: the caller shows them and exits with status 1."""

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile]) -> None:
        super().__init__("the spec has errors")
        self.diagnostics = sorted(diagnostics, key=lambda one: (one.name not in CAUSES, one.span))
        self.sources = dict(sources)


def stop_on_errors(reporter: Reporter, sources: Iterable[SourceFile]) -> None:
    """Raise SpecError with all errors of a stage, if there are any."""
    if reporter.failed:
        raise SpecError(reporter.diagnostics, {one.path: one for one in sources})


def render_all(error: SpecError, color: bool = False) -> str:
    """Render every message of a run and the closing line that counts them."""
    parts = [render(one, error.sources, color) for one in error.diagnostics]
    count = len(parts)
    closing = f"{count} error{'s' if count != 1 else ''}. Nothing was written.\n"
    return "\n".join([*parts, closing])


def render(diagnostic: Diagnostic, sources: Mapping[str, SourceFile], color: bool = False) -> str:
    """Render one message: its place, its line with a caret, its notes, its help."""
    kind = paint(f"error[{diagnostic.name}]", "1;31", color)
    text = f"{place(diagnostic.span)}{kind}: {diagnostic.message}\n"
    text += excerpt(diagnostic.span, diagnostic.label, sources, "1;31" if color else "")
    for note in diagnostic.notes:
        text += f"{place(note.span)}{note.text}\n"
        text += excerpt(note.span, note.label, sources, "1;34" if color else "")
    if diagnostic.help:
        text += f"   = {paint('help', '1;32', color)}: {diagnostic.help}\n"
    return text


def place(span: Span) -> str:
    """Return `path:line:column: `, which editors jump to."""
    return "" if span == NOWHERE else f"{span.path}:{span.line}:{span.column}: "


def excerpt(span: Span, label: str, sources: Mapping[str, SourceFile], color: str) -> str:
    """Return the line itself with a caret under the span; empty where there is no file."""
    source = sources.get(span.path)
    if source is None or not 0 < span.line <= len(source.lines):
        return ""
    line, at = cut_line(source.lines[span.line - 1].rstrip(), span.column - 1)
    number = f"{span.line:>2}"
    gutter = " " * len(number)
    room = max(1, min(span.length, len(line) - at))
    carets = paint("^" * room, color, bool(color))
    before = "".join("\t" if letter == "\t" else " " for letter in line[:at])
    under = before.ljust(at) + carets + (f" {label}" if label else "")
    return f"{gutter} |\n{number} | {line}\n{gutter} | {under}\n"


def cut_line(line: str, at: int) -> tuple[str, int]:
    """Return a line of which little more than a terminal's width is left, and where index `at` of it is then."""
    start = 0 if len(line) <= WIDTH else max(0, min(at - CONTEXT, len(line) - WIDTH))
    before, after = (CUT if start else ""), (CUT if len(line) - start > WIDTH else "")
    return f"{before}{line[start : start + WIDTH]}{after}", at - start + len(before)


def paint(text: str, code: str, on: bool) -> str:
    """Color a text, on a terminal."""
    return f"\x1b[{code}m{text}\x1b[0m" if on else text


@dataclass(frozen=True)
class Done:
    """The exit status of a command, what it has to say, and what it complains about."""

    status: int
    text: str
    complaint: str = ""
