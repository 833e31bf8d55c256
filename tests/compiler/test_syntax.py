"""Parsing and printing of .luv; names of terminals in messages; malformed text never crashes the compiler."""

import itertools
import random
import re
from pathlib import Path

import pytest

from codegen.diagnostics import Reporter, SpecError, render
from codegen.language.parser import MAX_DEPTH, WORDS, make_parser, parse_file, word_for
from codegen.language.syntax import unparse
from codegen.source import SourceFile, load_file
from tests.lib.support import ROOT, compile_small, find_cases, load_spec, parse_text, strip_spans

SKIPPED = {"WS", "COMMENT"}
SPEC_FILES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "spec").rglob("*.luv"))]
ACCEPTED = [f"tests/compiler/accept/{case}.luv" for case in find_cases("accept")]
MUTATED = ["tests/compiler/facts.luv", *ACCEPTED]
TOKEN = re.compile(r"///[^\n]*|\"[^\"]*\"|\w+|\s+|.")


@pytest.mark.parametrize("name", [*SPEC_FILES, *ACCEPTED, "tests/compiler/facts.luv"])
def test_print_and_parse_again(name: str) -> None:
    """Printed text parses to the same tree, and prints to the same text."""
    first = parse_text(load_file(ROOT / name, name))
    text = unparse(first)
    second = parse_text(SourceFile(name, text))
    assert strip_spans(first) == strip_spans(second)
    assert unparse(second) == text


def test_some_are_accepted() -> None:
    assert ACCEPTED, "tests/compiler/accept/ has cases"


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_compiles(name: str) -> None:
    compile_small(load_file(ROOT / name, name))


def test_every_terminal_has_words() -> None:
    """Every terminal that is not a keyword has words for messages."""
    terminals = {one.name: one.pattern.value for one in make_parser().terminals if one.name not in SKIPPED}
    strangers = [name for name, text in terminals.items() if word_for(name) != f"`{text}`" and name not in WORDS]
    assert strangers == []


def test_words_have_terminals() -> None:
    names = {one.name for one in make_parser().terminals} | {"$END"}
    assert set(WORDS) - names == set()


def say_error(text: str) -> str:
    source = SourceFile("test.luv", text)
    reporter = Reporter()
    assert parse_file(source, reporter) is None
    return "\n".join(render(one, {source.path: source}) for one in reporter.diagnostics)


def test_nested_too_deep() -> None:
    for text in ("-" * 5000 + "1", "1" + " + 1" * 5000):
        assert f"nested more than {MAX_DEPTH} deep" in say_error(f"const A : u32 = {text};")


def test_not_text(tmp_path: Path) -> None:
    """The message about a byte that is not UTF-8 has its place."""
    path = tmp_path / "latin1.luv"
    path.write_bytes(b"// plain\n// caf\xe9\n")
    assert "test.luv:2:7: error[syntax]: a byte that is not UTF-8" in say_error(load_file(path, "test.luv").text)


def test_tabs_keep_the_caret_in_place() -> None:
    assert "|\n 1 | \tregion\t;\n   | \t      \t^ expected a name" in say_error("\tregion\t;")


def mutate(text: str, source: random.Random) -> str:
    """Delete a token, double it, swap it with its neighbor, or replace it by another of the file."""
    tokens = TOKEN.findall(text)
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(tokens) - 1)
        match source.randrange(4):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2:
                tokens[at], tokens[at + 1] = tokens[at + 1], tokens[at]
            case _:
                tokens[at] = source.choice(tokens)
    return "".join(tokens)


@pytest.mark.parametrize("name", MUTATED)
def test_malformed_text_gets_messages(name: str) -> None:
    """Malformed text compiles or gives messages, never an exception."""
    text = load_file(ROOT / name, name).text
    for seed in range(60):
        source = SourceFile("mutant.luv", mutate(text, random.Random(seed)))
        try:
            compile_small(source)
        except SpecError as error:
            assert all(render(one, error.sources) for one in error.diagnostics)


def test_spec_parses_once() -> None:
    assert len(load_spec()[1]) == len(SPEC_FILES)


# ---- what users of other languages write


@pytest.mark.parametrize(("statement", "found", "hint"), [
    ("while e.leaf == 1 { advance; }", "while", "there are no loops"),
    ("while (e.leaf == 1) { advance; }", "while", "there are no loops"),
    ("for (;;) { }", "for", "there are no loops"),
    ("for (i = 0; i < 3; i++) { }", "for", "there are no loops"),
    ("for i in 3 { }", "for", "there are no loops"),
    ("do { advance; } while (1);", "do", "there are no loops"),
    ("goto end;", "goto", "there are no loops"),
    ("switch (e.leaf) { }", "switch", "write if A { ... } else if B"),
    ("if e.leaf == 1 { advance; } elif e.leaf == 2 { resume; }", "elif", "write if A { ... } else if B"),
    ("u32 x = 3;", "u32", "write let NAME = VALUE;"),
    ("x := 3;", ":=", "write let NAME = VALUE;"),
    ("if e.leaf == 1 && e.leaf == 2 { advance; }", "&&", "write `and`"),
    ("if e.leaf == 1 || e.leaf == 2 { advance; }", "||", "write `or`"),
    ("if !bool(e.leaf) { advance; }", "!", "write `not`"),
    ("if (!(e.leaf == 1)) { advance; }", "!", "write `not`"),
    ("let a = e.leaf == 1 ? 1 : 2;", "?", "an expression has no branches"),
    ("guest.rax += 1;", "+=", "write it out: A = A + B;"),
    ("guest.rax |= 1;", "|=", "write it out"),
    ("guest.rax <<= 1;", "<<=", "write it out"),
    ("guest.rax++;", "++", "write it out: A = A + 1;"),
    ("asm(\"hlt\");", "asm", "declare `extern NAME(...);`"),
    ("asm volatile(\"hlt\");", "asm", "declare `extern NAME(...);`"),
    ("let a = guest->rax;", "->", "a member is after a dot"),
    ("let a = 'a';", "'", "a text is in double quotes"),
    ("/* nothing */", "/*", "a comment begins with //"),
    ("#define A", "#", "no preprocessor"),
])  # fmt: skip
def test_other_languages(statement: str, found: str, hint: str) -> None:
    """The message points at the word or sign of the other language, and says what this one has instead."""
    said = say_error(f"domain guest {{\non cpuid(e) {{\nlet a = e.leaf;\n{statement}\nadvance;\n}}\n}}\n")
    column = statement.index(found) + 1
    assert said.startswith(f"test.luv:4:{column}: error[syntax]: `{found}` is not of this language\n"), said
    assert f"| {' ' * (column - 1)}{'^' * len(found)} not of this language\n" in said
    assert f"= help: {hint}" in said or hint in said.split("= help: ")[1]


def test_words_of_other_languages_stay_names() -> None:
    """They are no keywords: where a name is expected they are one."""
    body = "let var = match.leaf;\nguest.rax = var;\nadvance;\n"
    parse_text(SourceFile("test.luv", f"const while : u32 = 1;\ndomain guest {{\non cpuid(match) {{\n{body}}}\n}}\n"))
    assert "`for` is" not in say_error("domain guest { for vmx { set pin { 3 } } }")
    assert "not of this language" not in say_error("domain guest { switch { 3 } }")


@pytest.mark.parametrize("clause", [
    "msr { 0x10..0x20 pass; }", "msr { IA32_PAT .. 0x300 pass; }", "io { 0x60 write do { advance; }; }", "native 12;",
    "cpuid { hide 5; }", "switch { 0x277; }", "switch { list 0x277; }", "exceptions { 13 trap; }",
])  # fmt: skip
def test_numbers_where_names_of_facts_are(clause: str) -> None:
    assert "= help: name it in the facts" in say_error(f"domain guest {{ {clause} }}")
    assert "name it in the facts" not in say_error("region 5 at 0 size 4K;")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "marked.luv"
    path.write_bytes(b"\xef\xbb\xbf/// A number.\nconst A : u32 = 1;\n")
    parse_text(load_file(path, "marked.luv"))


@pytest.mark.parametrize("at", [0, 10, 140, 399])
def test_a_long_line_is_cut_around_the_caret(at: int) -> None:
    shown = say_error(" " * at + "!" + "z" * (400 - at)).split("\n")
    code, caret = next((a, b) for a, b in itertools.pairwise(shown) if "^" in b)
    assert len(code) < 150
    assert code[caret.index("^")] == "!"
