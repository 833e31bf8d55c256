"""How large each part of a tree is, and the other figures that say how it is kept."""

from __future__ import annotations

import ast
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.house.text import COMMENTS, count_code
from codegen.house.unreferenced import NASM, NASM_DEFINE, find_unreferenced

# Parts that are shown folder by folder, and those that are shown whole.
BY_FOLDER = ("codegen", "generated", "runtime", "dom0")
WHOLE = ("spec", "machine", "bench", "tests", "docs", "packaging")
SUFFIXES = {*COMMENTS, ".lark", ".md"}
SMALL = 70  # lines; a Python module below it with one importer might be a part of that
BARE_SHIFT = re.compile(r">> ?\d+")

Size = dict[str, int]


def list_texts(folder: Path) -> list[Path]:
    """Return what people or the compiler wrote in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return [path for path in paths if "__pycache__" not in path.parts]


def measure_parts(root: Path) -> dict[str, Size]:
    """Return the size of each part, in the order of BY_FOLDER and WHOLE, and of `build.py`."""
    parts: dict[str, list[Path]] = {"build.py": [root / "build.py"]}
    for name in (*BY_FOLDER, *WHOLE):
        for path in list_texts(root / name):
            folder = path.parent.relative_to(root).parts
            part = "/".join(folder[:2]) if name in BY_FOLDER else name
            parts.setdefault(part, []).append(path)
    return {part: measure_files(paths) for part, paths in parts.items()}


def measure_files(paths: list[Path]) -> Size:
    """Return the number of files, their lines, lines of code and the median of their lines."""
    counts = [count_code(path) for path in paths]
    lines = [one for one, _ in counts]
    return {
        "files": len(paths), "lines": sum(lines), "code": sum(code for _, code in counts),
        "median": round(statistics.median(lines)) if lines else 0,
    }


def count_importers(root: Path) -> Counter[str]:
    """Return how many files of codegen/ import each module of it."""
    paths = [path for path in list_texts(root / "codegen") if path.suffix == ".py"]
    modules = {".".join(path.relative_to(root).with_suffix("").parts) for path in paths}
    importers: Counter[str] = Counter()
    for path in paths:
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
            elif isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
        importers.update(found & modules)
    return importers


def count_fragments(root: Path) -> int:
    """Return the number of Python modules of the compiler below SMALL lines with exactly one importer."""
    return sum(
        len((root / f"{name.replace('.', '/')}.py").read_text().splitlines()) < SMALL
        for name, count in count_importers(root).items() if count == 1
    )


def count_matches(root: Path, pattern: re.Pattern[str], glob: str) -> int:
    """Return how often a pattern stands in files of generated/."""
    return sum(len(pattern.findall(path.read_text())) for path in (root / "generated").rglob(glob))


def measure_image(image: Path) -> int:
    """Return the bytes that a loader puts into memory."""
    with image.open("rb") as file:
        segments = [one for one in ELFFile(file).iter_segments() if one["p_type"] == "PT_LOAD"]
        return sum(int(one["p_filesz"]) for one in segments)


def measure_tree(root: Path) -> dict[str, Any]:
    """Return all figures of a tree whose image is built."""
    python = [path.read_text().count("\n") for path in list_texts(root / "codegen") if path.suffix == ".py"]
    unreferenced = Counter(one.kind for one in find_unreferenced(root))
    return {
        "parts": measure_parts(root),
        "figures": {
            "Python files of the compiler": len(python),
            "their median lines": round(statistics.median(python)),
            f"those below {SMALL} lines with one importer": count_fragments(root),
            "unreferenced functions in generated/": unreferenced["function"],
            "unreferenced constants in generated/, C": unreferenced["macro"] + unreferenced["enum constant"],
            "unreferenced constants in generated/, NASM": unreferenced[NASM],
            "constants for NASM": count_matches(root, NASM_DEFINE, "*.inc"),
            "shifts by a bare number in checks.c": count_matches(root, BARE_SHIFT, "checks.c"),
            "bytes of the image": measure_image(root / "build" / "luvalley.elf"),
        },
    }
