"""The one layout of `.luv` files: lines break where the author has them break, the rest is settled.

Tokens go in and the same tokens come out, comments among them; only the space between them changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from codegen.language.format_tokens import Line, join_tokens, split_lines

STEP = 4
LISTS = ("native", "trap", "pass", "hide", "show")
ENDS = (";", "{", "}")
SPREAD = 5  # numbers that differ more in length do not share a column: a range beside a number, an MSR of 0xC0000000
WHOLE = ("manual", "state")  # tables with one column, whatever its width
CONTINUES = (";", ",", "else", "where", "=>")


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
    wide: int = 0  # columns up to the name after a statement's number


@dataclass
class Block:
    """An open block: `base` is where its closing brace goes, `statement` what continues after it."""

    base: int
    number: int
    statement: Place | None


@dataclass
class Walker:
    """Go through the lines and keep what is open."""

    blocks: list[Block] = field(default_factory=list)
    made: int = 0
    table: str = ""
    statement: Place | None = None
    ended: bool = True
    colon: bool = False  # a rule's condition is over

    def place(self, line: Line) -> Place:
        """Return where a line belongs, before columns are known."""
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
        """Return where a statement continues: under its first name, after its number, or a step in."""
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
        """Go past a line: open and close blocks, and note whether its statement is over."""
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
        """Return where a block closes: an event's under the word `event`, others under their statement or own start."""
        if place.line.starts("=>"):
            return place.indent + len("=> ")
        if place.line.starts("}") or self.statement is None:
            return place.indent
        return self.statement.indent


def format_text(text: str) -> str:
    """Return the text in the one layout."""
    lines = settle_breaks(split_lines(text))
    places = walk(lines, {})
    wide = pad_columns(places)
    places = walk(lines, wide)
    return write_lines(places, wide)


def walk(lines: list[Line], wide: dict[int, int]) -> list[Place]:
    """Return a place for each line; `wide` has the width of the number column by line, once it is known."""
    walker, places = Walker(), []
    for index, line in enumerate(lines):
        place = walker.place(line)
        place.wide = wide.get(index, 0) or (key_width(place) + 1 if key_width(place) else 0)
        walker.take(place)
        places.append(place)
    return places


def write_lines(places: list[Place], wide: dict[int, int]) -> str:
    """Write all lines with their indentation, and the blank lines that stay."""
    written: list[str] = []
    for index, place in enumerate(places):
        before = places[index - 1] if index else None
        if before and needs_blank(place, before):
            written.append("")
        written.append(" " * place.indent + write_line(place, wide.get(index, 0)))
    return "\n".join([*written, ""]) if written else ""


def write_line(place: Place, wide: int) -> str:
    """Write tokens with their spaces; a number is padded to its column."""
    tokens = place.line.tokens
    if not wide:
        return join_tokens(tokens, place.table, place.first)
    key = count_key(place)
    head, rest = tokens[:key], tokens[key:]
    return join_tokens(head, place.table, place.first).ljust(wide) + join_tokens(rest, place.table, place.first)


def needs_blank(place: Place, before: Place) -> bool:
    """Return whether a blank line comes before: between declarations, and where the author has one in a block."""
    if before.line.tokens[-1].kind == "doc":
        return False
    if not place.indent and before.line.code and not place.line.starts("}") and place.head:
        return True
    return place.line.blank and not place.line.starts("}") and before.line.tokens[-1].text != "{"


def settle_breaks(lines: list[Line]) -> list[Line]:
    """Join what belongs to the line before, and break blocks that go over several lines."""
    return spread_blocks(join_openers(lines))


def join_openers(lines: list[Line]) -> list[Line]:
    """Join an opening brace, and an `else` after a brace, to the line before."""
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before and not before.tokens[-1].is_comment and belongs_to(line, before):
            before.tokens += line.tokens
        else:
            joined.append(Line(list(line.tokens), line.blank))
    return joined


def belongs_to(line: Line, before: Line) -> bool:
    return line.starts("{") or (line.starts("else") and before.tokens[-1].text == "}")


def spread_blocks(lines: list[Line]) -> list[Line]:
    """Break after the opening brace and before the closing one, where they are on different lines."""
    ends = find_spread(lines)
    spread: list[Line] = []
    for number, line in enumerate(lines):
        cuts = {at for at in find_cuts(number, line, ends) if 0 < at < len(line.tokens)}
        start = 0
        for at in sorted({*cuts, len(line.tokens)}):
            spread.append(Line(line.tokens[start:at], line.blank and start == 0))
            start = at
    return spread


def find_cuts(number: int, line: Line, ends: set[tuple[int, int]]) -> list[int]:
    """Return places in a line before which it must break; a comment after a brace stays there."""
    cuts = []
    for at, token in enumerate(line.tokens):
        if (number, at) not in ends:
            continue
        if token.text == "}":
            cuts.append(at)
        elif at + 1 < len(line.tokens) and not line.tokens[at + 1].is_comment:
            cuts.append(at + 1)
    return cuts


def find_spread(lines: list[Line]) -> set[tuple[int, int]]:
    """Return the braces whose partner is on another line."""
    spread: set[tuple[int, int]] = set()
    opened: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        for at, token in enumerate(line.tokens):
            if token.kind == "sign" and token.text == "{":
                opened.append((number, at))
            elif token.kind == "sign" and token.text == "}" and opened:
                start = opened.pop()
                if start[0] != number:
                    spread |= {start, (number, at)}
    return spread


def pad_columns(places: list[Place]) -> dict[int, int]:
    """Return for each line the columns up to what follows its key, with one space. An empty line begins a new run."""
    wide: dict[int, int] = {}
    packed = {place.block for place in places if is_packed(place)}
    runs: dict[int, list[tuple[int, int]]] = {}
    for index, place in enumerate(places):
        width = key_width(place)
        if place.line.blank or not fits(width, runs.get(place.block, []), place):
            close_run(runs.pop(place.block, []), wide)
        if width and place.block not in packed:
            runs.setdefault(place.block, []).append((index, width))
    for run in runs.values():
        close_run(run, wide)
    return wide


def count_key(place: Place) -> int:
    """Return how many tokens are the number, range, section or register that a statement begins with, or 0."""
    tokens = place.line.tokens
    if not place.head or len(tokens) < 3 or not place.block:
        return 0
    if place.table == "state" and tokens[0].kind == "word" and tokens[1].text == ":":
        return 1
    if place.table == "manual":
        return next((at for at, token in enumerate(tokens) if token.kind == "string"), 0)
    key = 3 if tokens[1].text == ".." and len(tokens) > 3 else 1
    return key if tokens[0].kind == "number" and tokens[key].kind == "word" else 0


def key_width(place: Place) -> int:
    """Return how wide the key is."""
    count = count_key(place)
    return len(join_tokens(place.line.tokens[:count], place.table, "")) if count else 0


def fits(width: int, run: list[tuple[int, int]], place: Place) -> bool:
    """Return whether a line continues a run, or at least does not end it."""
    if not width:
        return not (place.head and place.line.code)
    widths = [width, *(one for _, one in run)]
    return place.table in WHOLE or max(widths) - min(widths) <= SPREAD


def close_run(run: list[tuple[int, int]], wide: dict[int, int]) -> None:
    """Give all lines of a run the widest one's column."""
    column = max((width for _, width in run), default=0) + 1
    wide.update({index: column for index, _ in run})


def is_packed(place: Place) -> bool:
    """Return whether several statements are on one line: such a block has no columns."""
    depth = 0
    code = place.line.code
    for token, after in pairwise(code):
        if token.kind == "sign":
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0 and token.text in (";", "}") and after.text not in CONTINUES:
                return bool(place.block)
    return False
