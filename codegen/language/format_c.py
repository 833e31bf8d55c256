"""The one layout of handwritten C: clang-format's, as `.clang-format` sets it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDERS = ("runtime", "dom0", "tests", "machine", "bench")
EXPECTATIONS = "tests/compiler/golden"  # what the compiler wrote, as it wrote it
SUFFIXES = (".c", ".h")
CLANG_FORMAT = Path(sys.executable).with_name("clang-format")
VIOLATION = re.compile(r"^(.+?):(\d+):\d+: error: code should be clang-formatted", re.MULTILINE)


def list_c_files(root: Path) -> list[Path]:
    """Return every handwritten C file of a tree."""
    paths = sorted(path for name in FOLDERS for path in (root / name).rglob("*.[ch]"))
    return [path for path in paths if not path.is_relative_to(root / EXPECTATIONS)]


def find_unformatted_c(paths: Sequence[Path], root: Path) -> dict[Path, int]:
    """Return the files that are not in the layout, each with the first line that is not."""
    if not paths:
        return {}  # without a file clang-format reads its standard input
    lines: dict[Path, int] = {}
    for path, line in VIOLATION.findall(run_clang_format(["--dry-run", "-Werror", *map(str, paths)], root)):
        lines.setdefault(Path(path), int(line))
    return lines


def format_c(paths: Sequence[Path], root: Path) -> None:
    """Bring files into the layout."""
    if paths:
        run_clang_format(["-i", *map(str, paths)], root)


def run_clang_format(arguments: list[str], root: Path) -> str:
    """Run clang-format; return what it says, which is nothing where all files are in the layout."""
    style = f"--style=file:{root / '.clang-format'}"
    done = subprocess.run([CLANG_FORMAT, style, *arguments], capture_output=True, text=True, check=False)
    if done.returncode and not VIOLATION.search(done.stderr):
        raise OSError(f"clang-format failed:\n{done.stderr}")
    return done.stderr
