"""The layout of generated C: that of the handwritten, as `.clang-format` sets it, with comments folded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from codegen.emit.files import Output

STYLE = Path(__file__).resolve().parents[2] / ".clang-format"
CLANG_FORMAT = Path(sys.executable).with_name("clang-format")
SUFFIXES = (".c", ".h")
REFLOW = ("ReflowComments: false", "ReflowComments: true")  # a comment comes from the spec as one long line

known: dict[str, str] = {}  # what one process has laid out already


def lay_out(outputs: list[Output]) -> list[Output]:
    """Return the outputs, C among them in the one layout."""
    fresh = {one.text for one in outputs if one.name.endswith(SUFFIXES)} - known.keys()
    if fresh:
        known.update(run_clang_format(sorted(fresh)))
    return [replace(one, text=known[one.text]) if one.name.endswith(SUFFIXES) else one for one in outputs]


def run_clang_format(texts: list[str]) -> dict[str, str]:
    """Return each text and what it is in the one layout: one process for all."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.c" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
        style = Path(folder) / "style"
        style.write_text(STYLE.read_text(encoding="utf-8").replace(*REFLOW), encoding="utf-8")
        subprocess.run([CLANG_FORMAT, f"--style=file:{style}", "-i", *paths], check=True)
        return {text: path.read_text(encoding="utf-8") for path, text in zip(paths, texts, strict=True)}
