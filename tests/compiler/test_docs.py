"""docs/ is checked input: code blocks parse, examples of errors give these errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from codegen.source import SourceFile
from tests.lib.support import ROOT, parse_text, say_errors

PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
BLOCK = re.compile(r"^```(luv[a-z ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DEFAULTS = {
    "msr": "msr { default read try, write inject gp; }",
    "io": "io { default pass; }",
    "exceptions": "exceptions { default pass; }",
    "on cpuid": "on cpuid { advance; }",
    "on triple_fault": 'on triple_fault { reset "over"; }',
}


@dataclass(frozen=True)
class Block:
    """A code block; by `kind` it is a file, clauses of a domain, or statements of a handler."""

    page: str
    heading: str
    kind: str
    text: str

    def as_file(self) -> SourceFile:
        text = self.text
        if self.kind == "body":
            text = f"on cpuid(e) {{\n{text}}}\n"
        if self.kind in ("body", "domain"):
            rest = [line for word, line in DEFAULTS.items() if not re.search(rf"^{word}\b", text, re.MULTILINE)]
            lines = "\n".join(rest)
            text = f"/// A guest.\ndomain guest {{\n{text}{lines}\n}}\n"
        return SourceFile(self.page, text)


def read_blocks(path: Path) -> list[Block]:
    found = []
    for section in re.split(r"^## ", path.read_text(), flags=re.MULTILINE):
        heading = section.split("\n", 1)[0]
        found += [Block(path.name, heading, kind[4:].strip(), text) for kind, text in BLOCK.findall(section)]
    return found


BLOCKS = [block for page in PAGES for block in read_blocks(page)]
EXAMPLES = [block for block in BLOCKS if block.page == "errors.md"]


def name_block(block: Block) -> str:
    return f"{block.page}-{block.heading.replace(' ', '_')}"


@pytest.mark.parametrize("block", BLOCKS, ids=name_block)
def test_blocks_parse(block: Block) -> None:
    parse_text(block.as_file())


@pytest.mark.parametrize("block", EXAMPLES, ids=name_block)
def test_examples_of_errors(block: Block) -> None:
    """Each example gives the error of its heading, and no other."""
    assert set(re.findall(r"error\[([a-z-]+)\]", say_errors(block.as_file()))) == {block.heading}
