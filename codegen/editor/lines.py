"""Lines and columns: those of the compiler count characters from 1, those of an editor count code units from 0."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from lsprotocol import types

from codegen.source import SourceFile, Span

UNITS = {types.PositionEncodingKind.Utf8: "utf-8", types.PositionEncodingKind.Utf32: "utf-32-le"}
WIDTH = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}
Encoding = types.PositionEncodingKind | str | None


def join_lines(text: str) -> str:
    """Return a text with one kind of line end: that of files that Python reads."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def count_units(text: str, encoding: Encoding) -> int:
    """Return how many code units a text has: of UTF-16, if nothing else was agreed upon."""
    codec = UNITS.get(types.PositionEncodingKind(encoding), "utf-16-le") if encoding else "utf-16-le"
    return len(text.encode(codec, "surrogatepass")) // WIDTH[codec]


def find_column(line: str, character: int, encoding: Encoding) -> int:
    """Return how many characters of a line come before a code unit; past the end it is the end."""
    units = 0
    for column, letter in enumerate(line):
        if units >= character:
            return column
        units += count_units(letter, encoding)
    return len(line)


def make_range(span: Span, source: SourceFile | None, encoding: Encoding = None) -> types.Range:
    """Return a span as an editor counts; it ends on its line."""
    line = source.lines[span.line - 1] if source and 0 < span.line <= len(source.lines) else ""
    start, end = span.column - 1, span.column - 1 + span.length
    number = max(span.line - 1, 0)
    return types.Range(
        types.Position(number, count_units(line[:max(start, 0)], encoding)),
        types.Position(number, count_units(line[:max(end, 0)], encoding)),
    )


def find_place(position: types.Position, source: SourceFile, encoding: Encoding = None) -> tuple[int, int]:
    """Return line and column, both from 1, of an editor's position."""
    line = source.lines[position.line] if position.line < len(source.lines) else ""
    return position.line + 1, find_column(line, position.character, encoding) + 1


def make_edits(old: str, new: str, line_end: str, encoding: Encoding = None) -> list[types.TextEdit]:
    """Return edits of whole lines that make one text of another, so that an editor keeps its place in the rest."""
    before, after = split_lines(old), split_lines(new)
    places = [types.Position(number, 0) for number in range(len(before))]
    places.append(find_end(before, encoding))
    changes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [
        types.TextEdit(types.Range(places[first], places[last]), "".join(after[start:end]).replace("\n", line_end))
        for kind, first, last, start, end in changes if kind != "equal"
    ]  # fmt: skip


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; the last one may have none."""
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *lines[-1:]] if lines[-1] else [f"{line}\n" for line in lines[:-1]]


def find_end(lines: list[str], encoding: Encoding) -> types.Position:
    """Return where a text ends: after its last line, or at the start of the next one."""
    if lines and not lines[-1].endswith("\n"):
        return types.Position(len(lines) - 1, count_units(lines[-1], encoding))
    return types.Position(len(lines), 0)


@dataclass(frozen=True)
class Shift:
    """Which lines of a text are those of an earlier one: as many at the start, and as many at the end."""

    start: int
    end: int
    old_lines: int
    new_lines: int

    def find_old(self, line: int) -> int | None:
        """Return an earlier text's line, or None where the texts differ."""
        if line <= self.start:
            return line
        if line > self.new_lines - self.end:
            return line - self.new_lines + self.old_lines
        return None

    def find_new(self, line: int) -> int | None:
        """Return a later text's line, or None where the texts differ."""
        if line <= self.start:
            return line
        if line > self.old_lines - self.end:
            return line - self.old_lines + self.new_lines
        return None


def make_shift(old: SourceFile, new: SourceFile) -> Shift:
    """Return what two texts have in common at both ends."""
    start = count_common(old.lines, new.lines)
    room = min(len(old.lines), len(new.lines)) - start
    end = min(room, count_common(old.lines[::-1], new.lines[::-1]))
    return Shift(start, end, len(old.lines), len(new.lines))


def count_common(a: list[str], b: list[str]) -> int:
    """Return how many lines two lists begin with in common."""
    for index, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return index
    return min(len(a), len(b))
