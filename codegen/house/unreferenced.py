"""Functions, objects and constants of generated/ that nothing names.

Found in the text: a name is referenced where it stands as a word other than in its own definition and in declarations.
C names count in C, assembly and Python; NASM's constants, which are often named like C's, in assembly only.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = ("generated", "runtime", "dom0", "tests", "machine", "bench")
EXPECTATIONS = "tests/compiler/golden"  # what the compiler wrote of other specs
C_SUFFIXES = (".c", ".h", ".S", ".ld")
ASM_SUFFIXES = (".asm", ".inc")
NASM = "NASM constant"

DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
UNDEFINE = re.compile(r"^[ \t]*#[ \t]*undef[ \t]+\w+", re.MULTILINE)
NASM_DEFINE = re.compile(r"^[ \t]*%[ix]?(?:define|assign|macro)[ \t]+([A-Za-z_]\w*)|^(\w+)[ \t]+equ\b", re.MULTILINE)
ENUM = re.compile(r"\benum\b[^{;()]*\{([^}]*)\}")
ENUM_CONSTANT = re.compile(r"(?:^|,)\s*([A-Za-z_]\w*)")
# At the left margin stand only definitions and declarations.
FUNCTION = re.compile(r"^(?!#)[A-Za-z_][\w\s*]*?\b(\w+)\((?:[^;{}()]|\([^;{}()]*\))*\)\s*\{", re.MULTILINE)
OBJECT = re.compile(r"^(?!#|extern\b|typedef\b|(?:struct|union|enum)\s+\w+;)[A-Za-z_][\w \t*]*?\b(\w+)(?:\[[^\]\n]*\])*"
                    r"\s*(?:__attribute__\(\([^\n]*?\)\)+\s*)*(?:=|;)", re.MULTILINE)
DECLARATION = re.compile(r"^(?!#)[A-Za-z_][\w \t*]*?\b(\w+)\((?:[^;{}()]|\([^;{}()]*\))*\)[^;{}]*;"
                         r"|^extern\b[^;{}(]*?\b(\w+)(?:\[[^\]]*\])*\s*(?:__attribute__\(\([^\n]*\)\))?;", re.MULTILINE)
NASM_DECLARATION = re.compile(r"^[ \t]*(?:global|extern)\b[^\n]*", re.MULTILINE)
# name##argument, argument##name, argument##_##argument, NASM's name%1
PASTE = re.compile(r"\b(\w+)(?=##)|(?<=##)(\w+)|\b([A-Za-z_]\w*)%\{?\d")


# name##argument##name
AROUND = re.compile(r"\b(\w+)##\w+##(\w+)\b")


@dataclass(frozen=True)
class Definition:
    """A name that a generated file defines. `local`: only that file can use it."""

    file: str
    kind: str
    name: str
    local: bool = False


@dataclass
class Words:
    """How often each word stands in texts, and the parts of names that macros paste words to, or between."""

    counts: Counter[str]
    pasted: set[str]
    around: set[tuple[str, str]] = field(default_factory=set)

    def add(self, text: str) -> None:
        """Count a text's words."""
        self.counts.update(WORD.findall(text))
        self.around.update(AROUND.findall(text))
        self.pasted.update(part for found in PASTE.findall(text) for part in found if part)


def find_unreferenced(root: Path) -> list[Definition]:
    """Return what generated/ defines and nothing names, in the order of the files."""
    definitions: list[Definition] = []
    words = {"": Words(Counter(), set()), NASM: Words(Counter(), set())}
    for path in list_files(root):
        name = path.relative_to(root).as_posix()
        text = strip_comments(path.read_text(encoding="utf-8", errors="replace"), path.suffix)
        bare = blank_declarations(text, path.suffix, name.startswith("generated/"))
        words[""].add(bare)
        if path.suffix in ASM_SUFFIXES:
            words[NASM].add(bare)
        if name.startswith("generated/") and path.suffix in (".c", ".h", ".inc"):
            definitions += list_definitions(text, name)
            words[name] = Words(Counter(), set())
            words[name].add(bare)
    # A NASM definition is a word for C too, and would count as a use of the C constant of the same name.
    words[""].counts.subtract(one.name for one in definitions if one.kind == NASM)
    scopes = [one.file if one.local else NASM if one.kind == NASM else "" for one in definitions]
    own = Counter((one.name, scope) for one, scope in zip(definitions, scopes, strict=True))
    return [one for one, scope in zip(definitions, scopes, strict=True)
            if not is_referenced(one.name, words[scope], own[one.name, scope])]


def list_files(root: Path) -> list[Path]:
    """Return the files that define and name."""
    suffixes = {*C_SUFFIXES, *ASM_SUFFIXES, ".py"}
    paths = [path for name in FOLDERS for path in sorted((root / name).rglob("*")) if path.suffix in suffixes]
    return [path for path in paths if not path.is_relative_to(root / EXPECTATIONS)]


def list_definitions(text: str, file: str) -> list[Definition]:
    """Return what one generated text, without comments, defines."""
    if file.endswith(".inc"):
        return [Definition(file, NASM, first or second) for first, second in NASM_DEFINE.findall(text)]
    text = re.sub(STRING, '""', text)
    source = file.endswith(".c")
    macros = [Definition(file, "macro", name, source) for name in DEFINE.findall(text)]
    enums = [Definition(file, "enum constant", name, source)
             for body in ENUM.findall(text) for name in ENUM_CONSTANT.findall(body)]
    rest = [Definition(file, kind, found[1], source and found[0].startswith("static"))
            for kind, pattern in {"function": FUNCTION, "object": OBJECT}.items() for found in pattern.finditer(text)]
    return list(dict.fromkeys([*macros, *enums, *rest]))


def blank_declarations(text: str, suffix: str, generated: bool) -> str:
    """Return a text without the names that it only declares; generated strings are messages, not uses."""
    if suffix in ASM_SUFFIXES:
        return NASM_DECLARATION.sub("", text)
    if suffix == ".py":
        return text
    text = UNDEFINE.sub("", text)
    if generated:
        text = re.sub(STRING, '""', text)
    return DECLARATION.sub(lambda found: found[0].replace(found[1] or found[2], "", 1), text)


def is_referenced(name: str, words: Words, own: int) -> bool:
    """Say whether a name stands anywhere but in its definitions, or a macro pastes it together from words that do."""
    if words.counts[name] > own:
        return True
    middles = (name[len(a) : -len(b)] for a, b in words.around if name.startswith(a) and name.endswith(b))
    if any(words.counts[middle] > 0 for middle in middles):
        return True
    return any(is_pasted(name, part, words.counts) for part in words.pasted if part in name)


def is_pasted(name: str, part: str, counts: Counter[str]) -> bool:
    """Say whether what surrounds `part` in a name, on one side or both, are words of the texts."""
    sides = [(name[: place.start()], name[place.end():]) for place in re.finditer(re.escape(part), name)]
    return any(all(counts[side] > 0 for side in both if side) for both in sides if any(both))


def print_unreferenced(root: Path) -> int:
    """Print what is unreferenced, by file; return 1 if there is anything, else 0."""
    found = find_unreferenced(root)
    for file in dict.fromkeys(one.file for one in found):
        for kind in dict.fromkeys(one.kind for one in found if one.file == file):
            names = [one.name for one in found if one.file == file and one.kind == kind]
            print(f"{file}: {kind} ({len(names)}): {' '.join(names)}")
    end = "are referenced nowhere: emit only what is named" if found else "are unreferenced"
    print(f"{len(found)} names in generated/ {end}")
    return 1 if found else 0


# ---- words and lines of C, assembly and Python: enough to count them, no parser


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
