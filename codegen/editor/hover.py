"""What an editor shows of a name: the declaration, its comment, the manual's sections, and each domain's choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from codegen.editor.names import LANGUAGE, LOCALS, UNKNOWN, Definition, Key
from codegen.editor.project import Analysis
from codegen.language import syntax
from codegen.query.explain import KINDS
from codegen.query.explain_context import Context, Page, shorten
from codegen.query.reading import BadArgument
from codegen.resolve.declarations import make_doc
from codegen.source import SourceFile, Span

MAX_LINES, MAX_CHOICE = 12, 24
# What `explain` knows of a kind of name, and under which word.
EXPLAINED = {
    "exit": "exit", "event": "event", "msr": "msr", "feature": "cpuid", "field": "vmcs", "hypercall": "hypercall",
    "port": "port",
}  # fmt: skip

KIND_WORDS = {
    "field": "VMCS field", "word": "control word", "msr": "MSR", "feature": "CPUID feature", "class": "MSR class",
    "state": "guest state", "information": "word of information", "errno": "error number",
    "forward": "reason for an exit to the VMM", "payload": "field of event", "member": "field of struct",
    "resettable": "reset table", "value": "value of bit", "extern": "function of the runtime",
}  # fmt: skip


@dataclass(frozen=True)
class EditorContext(Context):
    """A context that looks at the spec alone: neither generated code nor tests belong into a hover."""

    @cached_property
    def generated(self) -> dict[str, list[str]]:
        return {}

    def find_tests(self, *patterns: str) -> list[str]:
        return []

    def taken_exit(self, domain: str, number: int) -> list[str]:
        return []

    def taken_branches(self, wanted: str) -> list[str]:
        return []


def make_hover(key: Key, analysis: Analysis) -> str:
    """Return Markdown about a name, or nothing where nothing is known of it."""
    if key[0] == UNKNOWN:
        return ""
    if key[0] == LANGUAGE:
        return f"`{key[-1]}`: a word of the language" if key[-1].isalnum() or "_" in key[-1] else ""
    found = analysis.index.definitions.get(key, [])
    if not found:
        return ""
    blocks = [f"**{say_kind(key)} `{say_path(key)}`**", say_source(found[0], analysis)]
    blocks += [*say_docs(found[0]), *say_sections(found[0], analysis), *say_choice(key, analysis)]
    return "\n\n".join(block for block in blocks if block)


def say_kind(key: Key) -> str:
    """Return the kind of a name in words."""
    return KIND_WORDS.get(key[0], key[0])


def say_path(key: Key) -> str:
    """Return a name with what it belongs to."""
    if key[0] in LOCALS:
        return key[-1]
    return ".".join(part.removeprefix("vmcs.") for part in key[1:])


def say_source(one: Definition, analysis: Analysis) -> str:
    """Return the declaration itself."""
    source = find_source(one.span, analysis)
    lines = cut_statement(source.lines[one.span.line - 1 :]) if source else []
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    text = "\n".join(shorten([line[indent:] for line in lines], MAX_LINES))
    return f"```luv\n{text}\n```\n{one.span.path}:{one.span.line}" if text else ""


def find_source(span: Span, analysis: Analysis) -> SourceFile | None:
    """Return the text that a span of the syntax is of."""
    if span.path in analysis.stale:
        return analysis.stale[span.path][0].source
    return analysis.sources.get(span.path)


def cut_statement(lines: list[str]) -> list[str]:
    """Return the lines up to the one in which a statement's braces are closed, and it ends."""
    depth = 0
    for index, line in enumerate(lines):
        code = line.split("//")[0]
        depth += code.count("{") - code.count("}")
        if depth <= 0 and code.rstrip().endswith((";", "}")):
            return lines[: index + 1]
    return lines


def say_docs(one: Definition) -> Iterator[str]:
    """Yield the comments above the name and above its table."""
    for doc in dict.fromkeys((one.doc, one.table)):
        if doc and make_doc(doc).summary:
            yield make_doc(doc).summary


def say_sections(one: Definition, analysis: Analysis) -> Iterator[str]:
    """Yield the sections of the manual that the name's comment cites, or its table's."""
    numbers = list_sections(one.doc) or list_sections(one.table)
    if one.key[0] == "section" or not numbers:
        return
    titles = analysis.model.facts.sections if analysis.model else {}
    edition = f", edition {analysis.model.facts.edition}" if analysis.model else ""
    lines = [f"- {number} {titles.get(number, '')}".rstrip() for number in numbers]
    yield "\n".join([f"The manual{edition}:", *lines])


def list_sections(doc: syntax.Doc | None) -> list[str]:
    """Return the sections that a comment cites."""
    return [one.text for one in doc.sections] if doc else []


def say_choice(key: Key, analysis: Analysis) -> Iterator[str]:
    """Yield how each domain handles what the name stands for, as `explain` says it."""
    page = explain(key, analysis)
    if page and page.choice:
        lines = shorten(page.choice, MAX_CHOICE)
        yield "\n".join([f"{page.title}", "```", *lines, "```"])


def explain(key: Key, analysis: Analysis) -> Page | None:
    """Return the page of `explain` about a name, if it has one and the spec resolves that far."""
    kind = "control" if key[0] == "control" else EXPLAINED.get(key[0])
    reading = analysis.reading
    if kind is None or reading is None:
        return None
    word = ".".join(key[1:]) if kind == "control" else key[-1]
    context = EditorContext(reading, Path())
    try:
        return KINDS[kind](word, context)
    except (BadArgument, LookupError, StopIteration, AssertionError, AttributeError):
        return None
