"""Where lines break: as the author has it, but that a block is either on one line or opens and closes at line ends."""

from __future__ import annotations

from codegen.format.tokens import Line


def settle_breaks(lines: list[Line]) -> list[Line]:
    """Join what belongs to the line before, and break blocks that go over several lines."""
    return spread_blocks(join_openers(lines))


def join_openers(lines: list[Line]) -> list[Line]:
    """An opening brace, and an `else` behind a brace, do not begin a line."""
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
    """Break behind the opening brace and before the closing one, where they are on different lines."""
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
    """Places in a line before which it must break; a comment behind a brace stays there."""
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
    """Braces whose partner is on another line."""
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
