"""The pipeline: paths to sources to syntax to model to outputs. Errors of a stage come together."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from codegen import syntax
from codegen.checks import check
from codegen.diagnostics import Reporter, SpecError
from codegen.generate import generate
from codegen.model.choices import Model
from codegen.output import Output
from codegen.parse import make_parser, parse_file
from codegen.resolve.spec import resolve_spec
from codegen.source import SourceFile, load_files

COMPILER = Path(__file__).parent


def compile_tree(spec: Path, folder: Path | None = None) -> tuple[Model, list[Output]]:
    """The checked model of a folder of specs, and what is generated from it; SpecError where it has errors."""
    model = compile_sources(load_files(spec, spec.name), folder)
    return model, generate(model)


def compile_sources(sources: list[SourceFile], folder: Path | None = None) -> Model:
    """The checked model of sources in memory."""
    return compile_files(parse_all(sources, folder), sources)


def compile_files(files: list[syntax.File], sources: Iterable[SourceFile]) -> Model:
    """The checked model of parsed files; `sources` are for the excerpts in messages."""
    reporter = Reporter()
    model = resolve_spec(files, reporter)
    stop_on_errors(reporter, sources)
    check(model, reporter)
    stop_on_errors(reporter, sources)
    return model


def stop_on_errors(reporter: Reporter, sources: Iterable[SourceFile]) -> None:
    """Raise SpecError with all that a stage has found, if it found anything."""
    if reporter.failed:
        raise SpecError(reporter.diagnostics, {one.path: one for one in sources})


def parse_all(sources: list[SourceFile], folder: Path | None) -> list[syntax.File]:
    """Every file's syntax; SpecError where a file is not understood."""
    reporter = Reporter()
    files = parse_each(sources, folder, reporter)
    stop_on_errors(reporter, sources)
    return files


def parse_each(sources: list[SourceFile], folder: Path | None, reporter: Reporter) -> list[syntax.File]:
    """The files that parse: what did not change comes from `folder`, the rest is parsed side by side."""
    known = {one.path: read_cached(one, folder) for one in sources}
    fresh = [one for one in sources if known[one.path] is None]
    for source, parsed, found in parse_side_by_side(fresh):
        reporter.diagnostics += found.diagnostics
        known[source.path] = parsed
        write_cached(source, parsed, folder)
    return [file for file in known.values() if file is not None]


def parse_side_by_side(sources: list[SourceFile]) -> list[tuple[SourceFile, syntax.File | None, Reporter]]:
    """Two processes where there is enough to do; one where starting another would take longer."""
    if sum(len(one.text) for one in sources) < 30_000:
        return [parse_one(one) for one in sources]
    make_parser()  # once, before the processes part
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(parse_one, sorted(sources, key=lambda one: -len(one.text))))


def parse_one(source: SourceFile) -> tuple[SourceFile, syntax.File | None, Reporter]:
    """A file's syntax, its errors in a reporter of its own: this may run in another process."""
    reporter = Reporter()
    return source, parse_file(source, reporter), reporter


def cache_path(source: SourceFile, folder: Path) -> Path:
    """Named by the text, its path (spans hold it) and the front end that parsed it."""
    digest = hashlib.sha256("\0".join([source.path, source.text, read_front_end()]).encode()).hexdigest()
    return folder / f"{digest}.syntax"


@cache
def read_front_end() -> str:
    """The text of all that makes syntax of text: when it changes, what it made before is no use."""
    paths = [COMPILER / "luv.lark", COMPILER / "source.py", *(COMPILER / "syntax").glob("*.py")]
    paths += (COMPILER / "build_syntax").glob("*.py")
    return "\0".join(path.read_text(encoding="utf-8") for path in sorted(paths))


def read_cached(source: SourceFile, folder: Path | None) -> syntax.File | None:
    """The syntax as an earlier run left it; a file that cannot be read back is as good as none."""
    if folder is None:
        return None
    try:
        found = pickle.loads(cache_path(source, folder).read_bytes())
    except (OSError, EOFError, ValueError, LookupError, AttributeError, ImportError, pickle.UnpicklingError):
        return None
    return found if isinstance(found, syntax.File) else None


def write_cached(source: SourceFile, parsed: syntax.File | None, folder: Path | None) -> None:
    """Keep the syntax for the next run: beside first, so that a run at the same time never reads half of it."""
    if folder is None or parsed is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = cache_path(source, folder)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_bytes(pickle.dumps(parsed))
    beside.replace(path)
