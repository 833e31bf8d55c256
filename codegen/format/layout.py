"""Lines to text: indentation, blank lines, columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.format.breaks import settle_breaks
from codegen.format.columns import count_key, key_width, pad_columns
from codegen.format.spaces import join_tokens
from codegen.format.tokens import Line, split_lines

STEP = 4
LISTS = ("native", "trap", "pass", "hide", "show")
ENDS = (";", "{", "}")


@dataclass
class Place:
    """Where a line stands. `head`: it begins a statement; `depth` counts blocks; `block`: which one."""

    line: Line
    indent: int = 0
    head: bool = True
    table: str = ""
    first: str = ""
    block: int = 0
    text: str = ""
    wide: int = 0  # columns up to the name behind a statement's number


@dataclass
class Block:
    """An open block: `base` is where its closing brace goes, `statement` what goes on behind that."""

    base: int
    number: int
    statement: Place | None


@dataclass
class Walker:
    """Goes through the lines and knows what is open."""

    blocks: list[Block] = field(default_factory=list)
    made: int = 0
    table: str = ""
    statement: Place | None = None
    ended: bool = True
    colon: bool = False  # a rule's condition is over

    def place(self, line: Line) -> Place:
        """Where a line belongs, before columns are known."""
        if line.code and self.ended and not self.blocks:
            self.table = line.code[0].text
        block = self.blocks[-1].number if self.blocks else 0
        place = Place(line, self.inner, self.ended or not line.code, self.table, "", block)
        if line.starts("}"):
            place.indent, place.head = self.blocks[-1].base if self.blocks else 0, False
        elif not self.ended or line.starts("=>"):
            place.indent, place.head = self.indent_more(), False
        elif line.code:
            self.statement, self.colon = place, False
        place.first = self.statement.line.code[0].text if self.statement else ""
        return place

    @property
    def inner(self) -> int:
        return self.blocks[-1].base + STEP if self.blocks else 0

    def indent_more(self) -> int:
        """Where a statement goes on: under its first name, behind its number, or a step in."""
        start = self.statement
        if start is None:
            return self.inner
        words = start.line.code
        if words[0].text in LISTS:
            return start.indent + len(words[0].text) + 1
        if words[0].text == "rule":
            return start.indent + (STEP if self.colon else 2 * STEP)
        return start.indent + start.wide + STEP

    def take(self, place: Place) -> None:
        """Go past a line: blocks that it opens and closes, and whether its statement is over."""
        for token in place.line.code:
            if token.kind == "sign" and token.text == "{":
                self.made += 1
                self.blocks.append(Block(self.base_of(place), self.made, self.statement))
            elif token.kind == "sign" and token.text == "}" and self.blocks:
                self.statement = self.blocks.pop().statement
            self.colon = self.colon or (token.kind == "sign" and token.text == ":")
        if place.line.code:
            self.ended = place.line.code[-1].text in ENDS and place.line.code[-1].kind == "sign"

    def base_of(self, place: Place) -> int:
        """An event's block closes under the word `event`; any other under its statement, or its own beginning."""
        if place.line.starts("=>"):
            return place.indent + len("=> ")
        if place.line.starts("}") or self.statement is None:
            return place.indent
        return self.statement.indent


def format_text(text: str) -> str:
    """The text in the one layout."""
    lines = settle_breaks(split_lines(text))
    places = walk(lines, {})
    wide = pad_columns(places)
    places = walk(lines, wide)
    return write_lines(places, wide)


def walk(lines: list[Line], wide: dict[int, int]) -> list[Place]:
    """A place for each line; `wide` has the width of the number column by line, once it is known."""
    walker, places = Walker(), []
    for index, line in enumerate(lines):
        place = walker.place(line)
        place.wide = wide.get(index, 0) or (key_width(place) + 1 if key_width(place) else 0)
        walker.take(place)
        places.append(place)
    return places


def write_lines(places: list[Place], wide: dict[int, int]) -> str:
    """All lines with their indentation, and the blank lines that stay."""
    written: list[str] = []
    for index, place in enumerate(places):
        before = places[index - 1] if index else None
        if before and needs_blank(place, before):
            written.append("")
        written.append(" " * place.indent + write_line(place, wide.get(index, 0)))
    return "\n".join([*written, ""]) if written else ""


def write_line(place: Place, wide: int) -> str:
    """Tokens with their spaces; a number is padded to its column."""
    tokens = place.line.tokens
    if not wide:
        return join_tokens(tokens, place.table, place.first)
    key = count_key(place)
    head, rest = tokens[:key], tokens[key:]
    return join_tokens(head, place.table, place.first).ljust(wide) + join_tokens(rest, place.table, place.first)


def needs_blank(place: Place, before: Place) -> bool:
    """Between declarations always; elsewhere where the author has one, but not inside a brace."""
    if before.line.tokens[-1].kind == "doc":
        return False
    if not place.indent and before.line.code and not place.line.starts("}") and place.head:
        return True
    return place.line.blank and not place.line.starts("}") and before.line.tokens[-1].text != "{"
