"""Read a spec from a folder or a git revision, as far as it resolves, and the records of runs of it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codegen.check import check_each
from codegen.diagnostics import Reporter, SpecError
from codegen.model.choices import Model
from codegen.parse_cache import parse_each
from codegen.query.branches import Branch
from codegen.resolve.spec import resolve_each
from codegen.source import SourceFile, digest_sources, load_files


class BadArgument(Exception):
    """A command names something that does not exist; the text says what is accepted."""


@dataclass(frozen=True)
class Reading:
    """A spec as `processor` has it. `error` contains every message; `model` is then the part that resolves."""

    name: str
    sources: tuple[SourceFile, ...]
    models: Mapping[str, Model]
    processor: str
    error: SpecError | None

    @property
    def model(self) -> Model:
        return self.models[self.processor]

    @property
    def digest(self) -> str:
        return digest_sources(self.sources)


def read_sources(name: str, sources: list[SourceFile], cache: Path | None) -> Reading:
    """Parse, resolve and check; continue with what is left after an error."""
    reporter = Reporter()
    files = parse_each(sources, cache, reporter)
    models = resolve_each(files, reporter)
    if not reporter.failed:
        check_each(models, reporter)
    error = SpecError(reporter.diagnostics, {one.path: one for one in sources}) if reporter.failed else None
    return Reading(name, tuple(sources), models, next(iter(models)), error)


def choose_processors(reading: Reading, processor: str) -> list[Reading]:
    """Return the reading for the processor that is named, or for each where none is; BadArgument on an unknown one."""
    if processor and processor not in reading.models:
        raise BadArgument(f"`{processor}` is no processor of {reading.name}; it has {', '.join(reading.models)}")
    return [replace(reading, processor=name) for name in reading.models if processor in ("", name)]


def read_folder(folder: Path, cache: Path | None) -> Reading:
    """Read the spec in a folder."""
    return read_sources(folder.name, load_files(folder, folder.name), cache)


def read_given(given: str, root: Path, cache: Path | None) -> Reading:
    """Read a folder of `.luv` files, a tree with such a `spec/`, or a git revision of the repository at `root`."""
    path = Path(given)
    if path.is_dir():
        folder = path / "spec" if (path / "spec").is_dir() else path
        sources = load_files(folder, "spec")
        if not sources:
            raise BadArgument(f"`{given}` is a folder without .luv files")
        return read_sources(given, sources, cache)
    return read_sources(given, load_revision(given, root), cache)


def load_revision(revision: str, root: Path) -> list[SourceFile]:
    """Return the files of spec/ in a git revision, named as in the tree so that their cached syntax is found."""
    known = run_git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], root)
    if known.returncode:
        raise BadArgument(f"`{revision}` is neither a folder with a spec nor a revision that git knows here")
    done = run_git(["archive", "--format=tar", known.stdout.decode().strip(), "spec"], root)
    if done.returncode:
        raise BadArgument(f"the revision `{revision}` has no spec/")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = [one for one in archive.getmembers() if one.isfile() and one.name.endswith(".luv")]
        sources = [SourceFile(one.name, read_member(archive, one)) for one in members]
    return sorted(sources, key=lambda one: one.path)


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member)
    return file.read().decode("utf-8-sig", errors="replace") if file else ""


def run_git(arguments: list[str], root: Path) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise BadArgument("a revision needs git, which is not here; give a folder") from None


# ---- records of runs


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
