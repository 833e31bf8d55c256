"""Shared by the compiler's tests: paths, compiling a text, and expected files that --update rewrites."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from codegen import errors
from codegen.compiler import compile_files
from codegen.diagnostics import Reporter, SpecError, render_all
from codegen.language import syntax
from codegen.language.parser import parse_file
from codegen.model.choices import Model
from codegen.parse_cache import parse_all
from codegen.source import SourceFile, Span, load_file, load_files

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
COMPILER = TESTS / "compiler"
SPEC = ROOT / "spec"


def find_cases(folder: str) -> list[str]:
    """Return the names of the cases in a folder of tests/compiler."""
    return sorted(path.stem for path in (COMPILER / folder).glob("*.luv"))


@cache
def load_facts() -> tuple[SourceFile, syntax.File]:
    """Return the miniature facts, parsed once."""
    source = load_file(COMPILER / "facts.luv", "tests/compiler/facts.luv")
    return source, parse_text(source)


def parse_text(source: SourceFile) -> syntax.File:
    """Return a text's syntax tree; an error fails the test."""
    reporter = Reporter()
    file = parse_file(source, reporter)
    if file is None:
        raise SpecError(reporter.diagnostics, {source.path: source})
    return file


def compile_small(source: SourceFile) -> Model:
    """Compile a text together with the miniature facts."""
    facts, parsed = load_facts()
    return compile_files([parsed, parse_text(source)], [facts, source])


def say_errors(source: SourceFile) -> str:
    """Return all messages of the compiler about a text; empty: none."""
    try:
        compile_small(source)
    except SpecError as error:
        return render_all(error)
    return ""


@cache
def load_spec() -> tuple[tuple[SourceFile, ...], tuple[syntax.File, ...]]:
    """Return the real spec, parsed once."""
    sources = load_files(SPEC, "spec")
    return tuple(sources), tuple(parse_all(sources, ROOT / "build" / "syntax"))


def compile_spec(changed: SourceFile | None = None) -> Model:
    """Compile the real spec, one of its files replaced."""
    sources, files = load_spec()
    if changed is None:
        return compile_files(list(files), sources)
    others = [file for file in files if file.path != changed.path]
    return compile_files([*others, parse_text(changed)], [*sources, changed])


def find_error_names() -> set[str]:
    """Return the names of errors: errors.py has a function for each."""
    functions = [name for name, value in getmembers(errors, isfunction) if value.__module__ == errors.__name__]
    return {name.replace("_", "-") for name in functions} - {"nearest"}


def strip_spans(node: object) -> object:
    """Return a syntax tree without places, to compare."""
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return tuple(strip_spans(one) for one in node)
    if is_dataclass(node):
        return (type(node).__name__, *(strip_spans(getattr(node, field.name)) for field in fields(node)))
    return node


def expect(path: Path, found: str, config: pytest.Config) -> None:
    """Compare a text with its file; with --update the file becomes the text."""
    if config.getoption("--update"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.is_file(), f"{path} is missing; pytest --update makes it"
    assert found == path.read_text(encoding="utf-8")
