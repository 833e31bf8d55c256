"""C, assembly and Python as words and lines: enough to count them, no parser."""

from __future__ import annotations

import re
from pathlib import Path

WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
STRING = r'"(?:\\.|[^"\\\n])*"'
C_COMMENT = re.compile(rf"({STRING}|'(?:\\.|[^'\\\n])+')|/\*.*?\*/|//[^\n]*", re.DOTALL)
ASM_COMMENT = re.compile(r"""("[^"\n]*"|'[^'\n]*')|;[^\n]*""")
HASH_COMMENT = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\#[^\n]*""")
LUV_COMMENT = re.compile(rf"({STRING})|//[^\n]*")

COMMENTS = {
    **dict.fromkeys((".c", ".h", ".S", ".ld", ".j2", ".js", ".css"), C_COMMENT),
    **dict.fromkeys((".asm", ".inc"), ASM_COMMENT),
    **dict.fromkeys((".py", ".sh"), HASH_COMMENT),
    ".luv": LUV_COMMENT,
}
DOCSTRING = re.compile(r'^[ \t]*(?:r|f|b)?("""|\'\'\').*?\1', re.DOTALL | re.MULTILINE)


def strip_comments(text: str, suffix: str) -> str:
    """Return a text without its comments; their lines stay as blank ones."""
    pattern = COMMENTS.get(suffix)
    if pattern is None:
        return text
    return pattern.sub(lambda found: found[1] or "\n" * found[0].count("\n"), text)


def count_code(path: Path) -> tuple[int, int]:
    """Return the lines of a file, and those of them that are neither blank nor comment nor docstring."""
    text = path.read_text(encoding="utf-8", errors="replace")
    bare = DOCSTRING.sub("", text) if path.suffix == ".py" else text
    code = sum(1 for line in strip_comments(bare, path.suffix).splitlines() if line.strip())
    return text.count("\n"), code
