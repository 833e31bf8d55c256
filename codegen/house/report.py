"""`build.py house`: the figures as a table, in docs/records/house.json and in the map of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codegen.house.sizes import Size, measure_parts, measure_tree

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
