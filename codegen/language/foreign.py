"""What users of other languages write, and what this language has instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lark import Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from codegen.source import SourceFile

BOUNDED = "there are no loops: a handler runs once for each exit, and its cost is bounded. "
EXTERN = "declare `extern NAME(...);` in the spec, write that function in runtime/, and call it"
LOOP = f"{BOUNDED}For a loop {EXTERN}"
CHOOSE = "write if A { ... } else if B { ... } else { ... }"
DECLARE = "write let NAME = VALUE; or with a type: let NAME : u32 = VALUE;"
SHARE = "write define NAME(parameter : u64) { ... } outside the domain, and use it as a statement: NAME(value);"

# Words that begin a statement elsewhere. Here they are ordinary names, so the parser stumbles over what follows them.
WORDS = {
    **dict.fromkeys(("while", "for", "do", "loop", "repeat", "foreach", "goto", "break", "continue"), LOOP),
    **dict.fromkeys(("switch", "case", "match", "elif", "elsif", "elseif", "unless"), CHOOSE),
    **dict.fromkeys(("int", "unsigned", "var", "auto", "bool", "u8", "u16", "u32", "u64"), DECLARE),
    **dict.fromkeys(("fn", "func", "function", "def", "void"), SHARE),
    **dict.fromkeys(("asm", "__asm__"), f"there is no C and no assembly in a spec: {EXTERN}"),
}

# Signs, by a pattern that begins where the sign does.
SIGNS = {
    r"&&": "write `and`",
    r"\|\|": "write `or`",
    r"!(?!=)": "write `not`",
    r"\?": f"an expression has no branches: {CHOOSE}",
    r"(?:[-+*/%|^&]|<<|>>)=(?!=)": "write it out: A = A + B;",
    r"\+\+|--": "write it out: A = A + 1;",
    r":=": DECLARE,
    r"/\*": "a comment begins with // and ends with its line",
    r"#": "a comment begins with //, and there is no preprocessor: declare const NAME : TYPE = VALUE;",
    r"'": "a text is in double quotes; a letter is a number: write its code",
    r"->": "a member is after a dot: A.B",
}
MAX_SIGN = 3

NUMBER = "name it in the facts, spec/facts/, and write that name here: `0x64 keyboard_command;` in `ports`, say"

# What is before names of facts, and what a block of rules that begin with such names may begin with besides.
LISTS = ("NATIVE", "TRAP", "CPUID_HOW", "SWAP", "LIST", "__ANON_0")  # the last one is `..`
RULES = {"GUARDED", "LIST", "SWITCHED"}
# What the parser has on its stack before a statement, and what can be there of a statement that has begun.
ENDS = ("LBRACE", "RBRACE", "SEMICOLON")
EXPRESSIONS = ("_postfix", "name", "call", "member", "bit_select")


def find_sign(source: SourceFile, line: int, column: int) -> tuple[int, str, str] | None:
    """Return column, text and hint of a sign of another language that begins at a place, or one or two before it."""
    text = source.lines[line - 1]
    for start in range(max(0, column - MAX_SIGN), column):
        for pattern, hint in SIGNS.items():
            found = re.compile(pattern).match(text, start)
            if found and found.end() >= column:
                return start + 1, found[0], hint
    return None


def find_word(problem: UnexpectedInput) -> tuple[Token, str] | None:
    """Return a word of another language that begins the statement in which the parser stopped, and the hint."""
    parser = getattr(problem, "interactive_parser", None)
    first: Token | None = None
    for one in reversed(parser.parser_state.value_stack if parser else ()):
        if isinstance(one, list) or (isinstance(one, Token) and one.type in ENDS):
            break
        if isinstance(one, Tree) and one.data not in EXPRESSIONS:
            break
        first = next(walk([one]), None)
    return (first, WORDS[first]) if first is not None and first.type == "NAME" and first in WORDS else None


def find_fact(problem: UnexpectedToken, expected: Iterable[str]) -> str:
    """Return the hint for a number where a rule or a list has names of facts, or nothing."""
    parser, names = problem.interactive_parser, set(expected)
    before = parser.parser_state.value_stack[-1:] if parser else []
    listed = any(isinstance(one, Token) and one.type in LISTS for one in before)
    return NUMBER if problem.token.type == "NUMBER" and "NAME" in names and (listed or names & RULES) else ""


def walk(nodes: Iterable[Any]) -> Iterator[Token]:
    """Yield the tokens of trees, in order."""
    for one in nodes:
        if isinstance(one, Token):
            yield one
        elif isinstance(one, Tree):
            yield from walk(one.children)
