"""The pipeline: sources to syntax to model to outputs. Errors of a stage come together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from codegen.check import check_each
from codegen.diagnostics import Reporter, stop_on_errors
from codegen.emit import generate_all
from codegen.emit.files import Output
from codegen.language import syntax
from codegen.model.choices import Model
from codegen.parse_cache import parse_all
from codegen.resolve.spec import resolve_each
from codegen.source import SourceFile, load_files


def compile_tree(spec: Path, folder: Path | None = None) -> tuple[dict[str, Model], list[Output]]:
    """Return the checked model of a folder of specs for each processor, and what is generated; SpecError on errors."""
    sources = load_files(spec, spec.name)
    models = compile_each(parse_all(sources, folder), sources)
    return models, generate_all(models, spec.parent)


def compile_sources(sources: list[SourceFile], folder: Path | None = None) -> Model:
    """Return the checked model of sources in memory."""
    return compile_files(parse_all(sources, folder), sources)


def compile_files(files: list[syntax.File], sources: Iterable[SourceFile]) -> Model:
    """Return the checked model of parsed files for the first processor; `sources` are for the excerpts in messages."""
    return next(iter(compile_each(files, sources).values()))


def compile_each(files: list[syntax.File], sources: Iterable[SourceFile]) -> dict[str, Model]:
    """Return the checked model of parsed files for each processor; SpecError where one of them has errors."""
    reporter = Reporter()
    models = resolve_each(files, reporter)
    stop_on_errors(reporter, sources)
    check_each(models, reporter)
    stop_on_errors(reporter, sources)
    return models
