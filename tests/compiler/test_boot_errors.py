"""Errors of the hypervisor at boot: each name has its section under "At boot" in docs/errors.md."""

from __future__ import annotations

import re

from tests.lib.support import ROOT

SAID = re.compile(r"error\[([a-z-]+)\]|boot_stop\(\"([a-z-]+)\"|\bend\(\"([a-z-]+)\"")


def find_names() -> set[str]:
    """Return the names of errors in runtime/, in C and NASM."""
    sources = [path for path in (ROOT / "runtime").rglob("*") if path.suffix in (".c", ".asm")]
    return {"".join(groups) for path in sources for groups in SAID.findall(path.read_text())}


def test_every_error_at_boot_has_a_heading() -> None:
    chapter = (ROOT / "docs" / "errors.md").read_text().partition("\n## At boot\n")[2]
    headings = re.findall(r"^### (.*)$", chapter, re.MULTILINE)
    assert headings == sorted(set(headings)), "in order, each once"
    assert set(headings) == find_names()
