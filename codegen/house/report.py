"""`build.py house`: how large each part of the tree is, in a table, docs/records/house.json and the map of the code."""

from __future__ import annotations

import ast
import json
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.house.unreferenced import COMMENTS, NASM, NASM_DEFINE, count_code, find_unreferenced

RECORD = "docs/records/house.json"
TASKS = "docs/records/house_tasks.json"  # counted by hand
MAP = "docs/code-map.md"
BEGIN, END = "<!-- sizes -->", "<!-- /sizes -->"
HEAD = "| part | files | lines | lines of code | median lines of a file |\n| --- | --: | --: | --: | --: |"
KEYS = ("files", "lines", "code", "median")
# A part of the map is stale beyond both of these.
STALE_SHARE, STALE_LINES = 0.1, 50


def run_house(root: Path, before: Path | None = None) -> int:
    """Measure the tree, write the record and the map, print the table; `before` is an older tree to compare with."""
    record = read_record(root)
    if before:
        record["before"] = measure_tree(before)
    record["after"] = measure_tree(root)
    path = root / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    fill_map(root, record["after"]["parts"])
    print(render(record, json.loads((root / TASKS).read_text())))
    return 0


def read_record(root: Path) -> dict[str, Any]:
    """Return what is on record."""
    path = root / RECORD
    empty: dict[str, Any] = {"before": {"parts": {}, "figures": {}}}
    return {**empty, **json.loads(path.read_text())} if path.exists() else empty


def render(record: dict[str, Any], tasks: list[dict[str, str | None]]) -> str:
    """Return the table for a terminal: parts, figures, and the tasks with the files opened for each."""
    before, after = record["before"], record["after"]
    lines = [f"{'part':24} {'files':>12} {'lines':>15} {'lines of code':>15} {'median':>9}"]
    lines += [render_part(part, before["parts"].get(part), after["parts"].get(part))
              for part in dict.fromkeys([*before["parts"], *after["parts"]])]
    total = [sum_sizes(one["parts"]) for one in (before, after)]
    lines += [render_part("total", *total), "", f"{'figure':56} {'before':>8} {'after':>8}"]
    lines += [f"{name:56} {before['figures'].get(name, '-'):>8} {value:>8}" for name, value in after["figures"].items()]
    lines += ["", f"{'files opened for a task, counted by hand':56} before -> after (to reach)"]
    lines += [f"{one['task']:56} {one['before']} -> {one['after'] or '?'} ({one['to reach']})" for one in tasks]
    return "\n".join(lines)


def render_part(part: str, before: Size | None, after: Size | None) -> str:
    """Return a part's line: before and after of each figure."""
    pairs = {"files": 12, "lines": 15, "code": 15, "median": 9}
    cells = [f"{show(before, key)} {show(after, key)}".rjust(width) for key, width in pairs.items()]
    return f"{part:24} " + " ".join(cells)


def show(size: Size | None, key: str) -> str:
    """Return one figure, or a dash where a part did not or does not exist."""
    return str(size[key]) if size and key in size else "-"


def sum_sizes(parts: dict[str, Size]) -> Size:
    """Return the size of all parts together, without a median."""
    return {key: sum(one[key] for one in parts.values()) for key in ("files", "lines", "code")}


def render_map(parts: dict[str, Size]) -> str:
    """Return the table of the map of the code."""
    rows = [f"| `{part}` | {' | '.join(str(one[key]) for key in KEYS)} |" for part, one in parts.items()]
    return "\n".join([HEAD, *rows])


def fill_map(root: Path, parts: dict[str, Size]) -> None:
    """Put the table between the markers of the map, where there are any."""
    path = root / MAP
    text = path.read_text() if path.exists() else ""
    if BEGIN in text and END in text:
        first, rest = text.split(BEGIN, 1)
        path.write_text(f"{first}{BEGIN}\n{render_map(parts)}\n{END}{rest.split(END, 1)[1]}")


def find_stale_parts(root: Path) -> list[str]:
    """Return the parts whose size in the map is not near what it is, or that are there and not in the other."""
    path = root / MAP
    text = path.read_text() if path.exists() else ""
    if BEGIN not in text:
        return []
    said = parse_map(text.split(BEGIN, 1)[1].split(END, 1)[0])
    real = {part: size["code"] for part, size in measure_parts(root).items()}
    return [part for part in dict.fromkeys([*real, *said]) if is_stale(said.get(part, 0), real.get(part, 0))]


def parse_map(table: str) -> dict[str, int]:
    """Return the lines of code by part that the map says."""
    rows = [[cell.strip(" `") for cell in line.split("|")] for line in table.splitlines() if line.startswith("| `")]
    return {row[1]: int(row[4]) for row in rows}


def is_stale(said: int, real: int) -> bool:
    """Say whether two sizes are too far apart for one to stand for the other."""
    return abs(said - real) > max(STALE_LINES, STALE_SHARE * real)


def run_map_check(root: Path) -> int:
    """Say whether the map's sizes are those of the tree; 1 if they are not."""
    stale = find_stale_parts(root)
    if stale:
        print(f"error[stale]: the sizes in {MAP} are not those of {', '.join(stale)}; run `build.py house`")
    return 1 if stale else 0


# ---- sizes


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
