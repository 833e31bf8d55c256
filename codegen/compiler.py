"""The pipeline: paths to sources to syntax to model to outputs. Errors of a stage come together."""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from codegen import syntax
from codegen.checks import check
from codegen.diagnostics import Reporter, SpecError
from codegen.generate import generate
from codegen.model.choices import Model
from codegen.output import Output
from codegen.parse import parse_file
from codegen.resolve.spec import resolve_spec
from codegen.source import SourceFile, load_files

COMPILER = Path(__file__).parent


def compile_tree(spec: Path, cache: Path | None = None) -> tuple[Model, list[Output]]:
    """The checked model of a folder of specs, and what is generated from it; SpecError where it has errors."""
    model = compile_sources(load_files(spec, spec.name), cache)
    return model, generate(model)


def compile_sources(sources: list[SourceFile], cache: Path | None = None) -> Model:
    files = parse_all(sources, cache)
    reporter = Reporter()
    model = resolve_spec(files, reporter)
    stop_on_errors(reporter, sources)
    check(model, reporter)
    stop_on_errors(reporter, sources)
    return model


def stop_on_errors(reporter: Reporter, sources: Iterable[SourceFile]) -> None:
    if reporter.failed:
        raise SpecError(reporter.diagnostics, {one.path: one for one in sources})


def parse_all(sources: list[SourceFile], cache: Path | None) -> list[syntax.File]:
    """Every file's syntax: what did not change comes from `cache`, the rest is parsed side by side."""
    known = {one.path: read_cached(one, cache) for one in sources}
    fresh = [one for one in sources if known[one.path] is None]
    reporter = Reporter()
    for source, parsed, found in parse_side_by_side(fresh):
        reporter.diagnostics += found.diagnostics
        known[source.path] = parsed
        write_cached(source, parsed, cache)
    stop_on_errors(reporter, sources)
    return [file for file in known.values() if file is not None]


def parse_side_by_side(sources: list[SourceFile]) -> list[tuple[SourceFile, syntax.File | None, Reporter]]:
    """Two processes where there is enough to do; one where starting another would take longer."""
    if sum(len(one.text) for one in sources) < 30_000:
        return [parse_one(one) for one in sources]
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(parse_one, sources, chunksize=3))


def parse_one(source: SourceFile) -> tuple[SourceFile, syntax.File | None, Reporter]:
    reporter = Reporter()
    return source, parse_file(source, reporter), reporter


def cache_path(source: SourceFile, cache: Path) -> Path:
    """Named by the text, its path (spans hold it) and the compiler that parsed it."""
    digest = hashlib.sha256("\0".join([source.path, source.text, digest_compiler()]).encode()).hexdigest()
    return cache / f"{digest}.syntax"


@functools.cache
def digest_compiler() -> str:
    """Changes with the grammar and with any module: a cached tree is never another compiler's."""
    digest = hashlib.sha256()
    for path in [COMPILER / "luv.lark", *sorted(COMPILER.rglob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_cached(source: SourceFile, cache: Path | None) -> syntax.File | None:
    if cache is None:
        return None
    path = cache_path(source, cache)
    try:
        found: syntax.File = pickle.loads(path.read_bytes())
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError):
        return None
    return found


def write_cached(source: SourceFile, parsed: syntax.File | None, cache: Path | None) -> None:
    if cache is not None and parsed is not None:
        cache.mkdir(parents=True, exist_ok=True)
        cache_path(source, cache).write_bytes(pickle.dumps(parsed))
