"""Parse every file once: what did not change comes from `build/syntax/`, the rest is parsed side by side."""

from __future__ import annotations

import hashlib
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from codegen.diagnostics import Reporter, stop_on_errors
from codegen.language import syntax
from codegen.language.parser import make_parser, parse_file
from codegen.source import SourceFile

FOLDER = Path(__file__).parent
LANGUAGE = FOLDER / "language"


def parse_all(sources: list[SourceFile], folder: Path | None) -> list[syntax.File]:
    """Return every file's syntax; SpecError where a file is not understood."""
    reporter = Reporter()
    files = parse_each(sources, folder, reporter)
    stop_on_errors(reporter, sources)
    return files


def parse_each(sources: list[SourceFile], folder: Path | None, reporter: Reporter) -> list[syntax.File]:
    """Return the files that parse: what did not change comes from `folder`, the rest is parsed side by side."""
    known = {one.path: read_cached(one, folder) for one in sources}
    fresh = [one for one in sources if known[one.path] is None]
    for source, parsed, found in parse_side_by_side(fresh):
        reporter.diagnostics += found.diagnostics
        known[source.path] = parsed
        write_cached(source, parsed, folder)
    return [file for file in known.values() if file is not None]


def parse_side_by_side(sources: list[SourceFile]) -> list[tuple[SourceFile, syntax.File | None, Reporter]]:
    """Parse in two processes where there is enough to do; in one where starting another would take longer."""
    if sum(len(one.text) for one in sources) < 30_000:
        return [parse_one(one) for one in sources]
    make_parser()  # once, before the processes part
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(parse_one, sorted(sources, key=lambda one: -len(one.text))))


def parse_one(source: SourceFile) -> tuple[SourceFile, syntax.File | None, Reporter]:
    """Return a file's syntax, and its errors in a separate reporter: this may run in another process."""
    reporter = Reporter()
    return source, parse_file(source, reporter), reporter


def cache_path(source: SourceFile, folder: Path) -> Path:
    """Return a name made of the text, its path (spans hold it) and the front end that parsed it."""
    digest = hashlib.sha256("\0".join([source.path, source.text, read_front_end()]).encode()).hexdigest()
    return folder / f"{digest}.syntax"


@cache
def read_front_end() -> str:
    """Return the text of all that makes syntax of text: when it changes, cached syntax is of no use."""
    paths = [FOLDER / "source.py", LANGUAGE / "luv.lark", *LANGUAGE.glob("*.py")]
    return "\0".join(path.read_text(encoding="utf-8") for path in sorted(paths))


def read_cached(source: SourceFile, folder: Path | None) -> syntax.File | None:
    """Return the syntax that an earlier run left, or None where it cannot be read back."""
    if folder is None:
        return None
    try:
        found = pickle.loads(cache_path(source, folder).read_bytes())
    except (OSError, EOFError, ValueError, LookupError, AttributeError, ImportError, pickle.UnpicklingError):
        return None
    return found if isinstance(found, syntax.File) else None


def write_cached(source: SourceFile, parsed: syntax.File | None, folder: Path | None) -> None:
    """Keep the syntax for the next run; it is renamed into place, so that no other run reads half of it."""
    if folder is None or parsed is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = cache_path(source, folder)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_bytes(pickle.dumps(parsed))
    beside.replace(path)
