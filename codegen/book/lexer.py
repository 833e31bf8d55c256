"""Highlight the spec's language and C. MkDocs loads this file as a hook, for fenced blocks marked `luv`."""

from __future__ import annotations

import re
from pathlib import Path

import pygments.lexers
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import RegexLexer, words
from pygments.lexers import CLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

__all__ = ["LuvLexer"]  # Pygments looks here

TYPES = ("u8", "u16", "u32", "u64", "bool", "natural")


def list_keywords() -> list[str]:
    """Return the keywords of the grammar."""
    grammar = (Path(__file__).parent.parent / "language" / "luv.lark").read_text(encoding="utf-8")
    return sorted(set(re.findall(r'"([a-z][a-z0-9_]*)"', grammar)))


class LuvLexer(RegexLexer):  # type: ignore[misc]
    """Highlights the spec's language."""

    name = "Luvalley spec"
    aliases = ("luv",)
    filenames = ("*.luv",)
    tokens = {  # noqa: RUF012 - the base class has it so
        "root": [
            (r"///.*", String.Doc),
            (r"//.*", Comment.Single),
            (r'"[^"\n]*"', String),
            (r"0x[0-9A-Fa-f]+|\d+[KMG]?\b", Number),
            (words(TYPES, suffix=r"\b"), Keyword.Type),
            (words(list_keywords(), prefix=r"(?<![.\w])", suffix=r"\b"), Keyword),
            (r"[A-Z][A-Z0-9_]+\b", Name.Constant),
            (r"\w+(?=\()", Name.Function),
            (r"\w+", Name),
            (r"=>|->|\.\.|[-+*/%&|^~<>=!]=?|<<|>>", Operator),
            (r"[{}()\[\];:,.]", Punctuation),
            (r"\s+", Text),
            (r".", Text),
        ],
    }


FORMATTER = HtmlFormatter(nowrap=True)


def show_c(code: str) -> str:
    return wrap(highlight(code, CLexer(), FORMATTER), "c")


def show_spec(code: str) -> str:
    return wrap(highlight(code, LuvLexer(), FORMATTER), "luv")


def wrap(inner: str, language: str) -> str:
    return f'<div class="highlight language-{language}"><pre><code>{inner}</code></pre></div>'


def color_lines(code: str) -> list[str]:
    """Return each line of a spec's file, highlighted."""
    return str(highlight(code, LuvLexer(stripnl=False), FORMATTER)).rstrip("\n").split("\n")


pygments.lexers.LEXERS["LuvLexer"] = ("codegen.book.lexer", "Luvalley spec", ("luv",), ("*.luv",), ())
