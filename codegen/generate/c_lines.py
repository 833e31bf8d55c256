"""Long lines of generated C, folded where a person would."""

from __future__ import annotations

WIDTH = 118
CONTINUED = 8
BREAKS = (" || ", " && ", ", ", " ")


def fold_c(text: str) -> str:
    """Every line of a C file within the width, as far as it has a place to break."""
    return "\n".join(folded for line in text.split("\n") for folded in fold_line(line))


def fold_line(line: str) -> list[str]:
    """A comment goes on under its text, code is indented further."""
    if len(line) <= WIDTH:
        return [line]
    indent = len(line) - len(line.lstrip())
    if line.lstrip().startswith("/*"):
        return fold_words(line, " " * indent + " * ")
    return fold_words(line, " " * (indent + CONTINUED))


def fold_words(line: str, prefix: str) -> list[str]:
    """The first part within the width, and the rest behind `prefix`, folded again."""
    cut = find_break(line, len(prefix))
    if len(line) <= WIDTH or not cut:
        return [line]
    return [line[:cut].rstrip(), *fold_words(prefix + line[cut:].lstrip(), prefix)]


def find_break(line: str, start: int) -> int:
    """Behind the last operator or comma that fits; behind the last space where there is none. 0: nowhere."""
    for mark in BREAKS:
        at = line.rfind(mark, start, WIDTH)
        if at > WIDTH // 2:
            return at + len(mark)
    return 0
