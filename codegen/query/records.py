"""Records of runs: how often each exit and branch was taken, and from which spec the image was built."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.query.branches import Branch
from codegen.query.reading import BadArgument

SCHEMA = 2
KIND = "luvalley-run"


@dataclass(frozen=True)
class Record:
    """`exits`: domain -> exit number -> counts by CPU; `branches` is None if the build did not count them."""

    path: str
    by: str
    exits: Mapping[str, Mapping[int, tuple[int, ...]]]
    branches: Mapping[str, int] | None

    def exit_total(self, domain: str, number: int) -> int:
        return sum(self.exits.get(domain, {}).get(number, ()))


def read_records(paths: Iterable[Path], digest: str, branches: Iterable[Branch]) -> tuple[Record, ...]:
    """Read records of runs of this very spec; raise BadArgument for any other."""
    known = {branch.key for branch in branches}
    return tuple(read_record(path, digest, known) for path in paths)


def read_record(path: Path, digest: str, known: set[str]) -> Record:
    data = load_record(path)
    if data["spec"] != digest:
        raise BadArgument(
            f"error[record-stale]: {path} was made from the spec {short(data['spec'])}, by {data['by']}; "
            f"this is the spec {short(digest)}: record the run again"
        )
    foreign = sorted(set(data["branches"] or {}) - known)
    if foreign:
        raise BadArgument(f"error[record-foreign]: {path} counts `{foreign[0]}`, which is no branch of this spec")
    exits = {
        domain: {int(number): tuple(counts) for number, counts in numbers.items()}
        for domain, numbers in data["exits"].items()
    }
    return Record(str(path), data["by"], exits, data["branches"])


def load_record(path: Path) -> dict[str, Any]:
    """Return the JSON of a record."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BadArgument(f"error[record-unreadable]: {path}: {fault.strerror}") from None
    except ValueError:
        raise BadArgument(f"error[record-foreign]: {path} is not a record of a run: it is not JSON") from None
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise BadArgument(f"error[record-foreign]: {path} is not a record of a run: its kind is not `{KIND}`")
    if data.get("schema") != SCHEMA:
        raise BadArgument(f"error[record-foreign]: {path} has schema {data.get('schema')}, this reads {SCHEMA}")
    if not is_whole(data):
        raise BadArgument(f"error[record-foreign]: {path} is incomplete: `build.py run --record` writes whole records")
    return data


def is_whole(data: Mapping[str, Any]) -> bool:
    """Return true if every part is present and of its type."""
    texts = isinstance(data.get("spec"), str) and isinstance(data.get("by"), str)
    branches = data.get("branches")
    counts = branches is None or (isinstance(branches, dict) and all(is_count(one) for one in branches.values()))
    exits = data.get("exits")
    return texts and counts and isinstance(exits, dict) and all(is_table(one) for one in exits.values())


def is_table(numbers: object) -> bool:
    """Return true for exit numbers with a list of counts each."""
    return isinstance(numbers, dict) and all(
        number.isdecimal() and isinstance(counts, list) and all(is_count(one) for one in counts)
        for number, counts in numbers.items()
    )


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def short(digest: str) -> str:
    return digest[:12]
