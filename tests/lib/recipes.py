"""Changes of files as documents show them, performed on a copy of the tree."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from tests.lib.support import ROOT

CHANGE = r"^In `(?P<file>[^`]+)`[^\n]*:\n\n```diff\n(?P<diff>.*?)^```$"
STEP = re.compile(CHANGE + r"|^```text\n(?P<said>.*?)^```$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"\w+|[^\w\s]")
NOT_COPIED = (".git", ".venv", ".cache", ".ci", "build", "__pycache__")


@dataclass(frozen=True)
class Step:
    """A change of a file; or, without a file, the message that the compiler gives then."""

    file: str
    text: str


def read_steps(text: str) -> list[Step]:
    """Return the steps of a page, or of a section of it."""
    return [Step(one["file"] or "", one["diff"] or one["said"]) for one in STEP.finditer(text)]


def apply_diff(text: str, diff: str) -> str:
    """Return a text after a diff; the same where somebody has already made that change.

    A diff of `+` lines alone is appended. In a line that somebody has changed elsewhere, only words that differ change.
    """
    lines = diff.rstrip("\n").split("\n")
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    added = [line[1:] for line in lines if line.startswith("+")]
    if old in new and flatten("\n".join(added)) in flatten(text):
        return text
    if not old:
        return f"{text}\n{new}\n"
    if text.count(old) == 1:
        return text.replace(old, new) if new else text.replace(f"{old}\n", "")
    if new in text:
        return text
    if old in new:
        there = find_alike(text, old)
        return text.replace(there, new.replace(old, there))
    assert old.count("\n") == new.count("\n"), f"the text has, once:\n{old}"
    for before, after in zip(old.split("\n"), new.split("\n"), strict=True):
        text = change_words(text, before, after)
    return text


def flatten(text: str) -> str:
    """Return a text in which only words count, not the space between them."""
    return " ".join(text.split())


def is_there(text: str, first: str, words: list[str]) -> bool:
    """Return whether the line that begins with a word has all names among other words already."""
    line, names = re.search(rf"^\s*{first}\b.*$", text, re.MULTILINE), {word for word in words if word.isidentifier()}
    return bool(line and names and names <= set(WORD.findall(line[0])))


def find_alike(text: str, line: str) -> str:
    """Return the one line of a text that begins with the same two words as another."""
    words = re.escape(" ".join(line.split()[:2]))
    found = re.findall(rf"^ *{words}\b.*$", text, re.MULTILINE)
    assert len(found) == 1, f"the text has, once:\n{line}"
    return str(found[0])


def change_words(text: str, before: str, after: str) -> str:
    """Return a text in which the words are changed that differ between two lines, in the line that begins alike."""
    old, new = WORD.findall(before), WORD.findall(after)
    for kind, low, high, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            assert low, f"the text has, once:\n{before}"
            first, left = re.escape(old[0]), re.escape(old[low - 1])
            removed = r"\s*".join(map(re.escape, old[low:high]))
            pattern = rf"^(\s*{first}\b(?:[^\n]*?\b)?(?<={left}))\s*{removed}"
            made = " ".join(new[start:end])
            if is_there(text, first, new[start:end]):
                continue
            text = re.sub(pattern, rf"\1 {made} ", text, count=1, flags=re.MULTILINE)
    return text


def apply_steps(tree: Path, steps: list[Step]) -> Iterator[Step]:
    """Perform the changes in a tree; yield each step, after it."""
    for step in steps:
        if step.file:
            path = tree / step.file
            path.write_text(apply_diff(path.read_text(), step.text))
        yield step


def copy_spec(target: Path) -> None:
    """Copy what `gen` needs."""
    for name in ("spec", "runtime"):
        shutil.copytree(ROOT / name, target / name)
    (target / "build").mkdir()


def copy_tree(target: Path) -> None:
    """Copy the whole tree, which uses the environment of this one."""
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
    (target / ".venv").symlink_to((ROOT / ".venv").resolve())
    (target / "build").mkdir()
