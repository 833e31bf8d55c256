"""Answers to requests, in the types of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol import types

from codegen.diagnostics import Diagnostic, Note
from codegen.editor.complete import Candidate, complete
from codegen.editor.hover import make_hover, say_kind, say_path
from codegen.editor.lines import Encoding, find_place, join_lines, make_edits, make_range
from codegen.editor.names import LOCALS, Key, Use
from codegen.editor.project import Analysis
from codegen.editor.workspace import File, Workspace
from codegen.language import syntax
from codegen.language.format import format_text
from codegen.resolve.declarations import make_doc
from codegen.source import NOWHERE, Name, Span

KINDS = {
    "keyword": types.CompletionItemKind.Keyword, "language": types.CompletionItemKind.Keyword,
    "local": types.CompletionItemKind.Variable, "const": types.CompletionItemKind.Constant,
    "extern": types.CompletionItemKind.Function, "define": types.CompletionItemKind.Function,
    "event": types.CompletionItemKind.Event, "layout": types.CompletionItemKind.Struct,
    "struct": types.CompletionItemKind.Struct, "class": types.CompletionItemKind.Class,
    "value": types.CompletionItemKind.EnumMember, "word": types.CompletionItemKind.Module,
    "section": types.CompletionItemKind.Reference,
}  # fmt: skip
SYMBOLS = {
    "domain": types.SymbolKind.Class, "hypercall": types.SymbolKind.Function, "extern": types.SymbolKind.Function,
    "handler": types.SymbolKind.Event,
    "const": types.SymbolKind.Constant, "event": types.SymbolKind.Event, "layout": types.SymbolKind.Struct,
}  # fmt: skip


class Answers:
    """Answers about one file, as its spec is now."""

    def __init__(self, files: Workspace, file: File, encoding: Encoding) -> None:
        self.files, self.file, self.encoding = files, file, encoding
        self.analysis: Analysis = files.analyse(file)

    def range(self, span: Span) -> types.Range:
        """Return a span as the editor counts."""
        return make_range(span, self.analysis.sources.get(span.path), self.encoding)

    def location(self, span: Span) -> types.Location:
        """Return a span with its file."""
        return types.Location(self.files.name_uri(self.file.project, span.path), self.range(span))

    def find(self, position: types.Position) -> Use | None:
        """Return the name at a position."""
        source = self.analysis.sources.get(self.file.name)
        return self.analysis.find(self.file.name, *find_place(position, source, self.encoding)) if source else None

    def locate(self, spans: Iterable[Span]) -> list[Span]:
        """Return where spans are in the present texts, without those that changed."""
        found = (self.analysis.locate(span) for span in spans)
        return [span for span in found if span is not None]

    # ---- requests about a name

    def hover(self, position: types.Position) -> types.Hover | None:
        """Return what there is to know about the name at a position."""
        use = self.find(position)
        text = make_hover(use.key, self.analysis) if use else ""
        spans = self.locate([use.span]) if use else []
        here = self.range(spans[0]) if spans else None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), here) if text else None

    def definition(self, position: types.Position) -> list[types.Location]:
        """Return every place that defines the name at a position."""
        use = self.find(position)
        found = self.analysis.index.definitions.get(use.key, []) if use else []
        return [self.location(span) for span in self.locate(one.span for one in found)]

    def references(self, position: types.Position, declaration: bool) -> list[types.Location]:
        """Return every place that has the name at a position."""
        use = self.find(position)
        spans = self.list_places(use.key, declaration) if use else []
        return [self.location(span) for span in spans]

    def list_places(self, key: Key, declaration: bool) -> list[Span]:
        """Return the places of a name, those that define it among them or not."""
        defined = {one.span for one in self.analysis.index.definitions.get(key, ())}
        places = self.analysis.index.list_places(key)
        return self.locate(span for span in places if declaration or span not in defined)

    def highlights(self, position: types.Position) -> list[types.DocumentHighlight]:
        """Return the places in this file that have the name at a position."""
        use = self.find(position)
        spans = self.list_places(use.key, True) if use else []
        return [types.DocumentHighlight(self.range(span)) for span in spans if span.path == self.file.name]

    # ---- completion, symbols, format

    def completion(self, position: types.Position) -> list[types.CompletionItem]:
        """Return what may stand at a position."""
        source = self.analysis.sources.get(self.file.name)
        if source is None:
            return []
        line, column = find_place(position, source, self.encoding)
        lines = [*source.lines[: line - 1], source.lines[line - 1][: column - 1] if line <= len(source.lines) else ""]
        found = complete("\n".join(lines), self.analysis.index)
        return [self.make_item(one, number) for number, one in enumerate(found)]

    def make_item(self, one: Candidate, number: int) -> types.CompletionItem:
        """Return a candidate; they keep their order."""
        kind = KINDS.get(one.kind, types.CompletionItemKind.Field)
        detail = say_kind(one.key) if one.key else one.kind
        found = self.analysis.index.definitions.get(one.key, [])
        doc = make_doc(found[0].doc).summary if found else ""
        return types.CompletionItem(
            one.text, kind=kind, detail=detail, documentation=doc or None, sort_text=f"{number:05}"
        )

    def symbols(self) -> list[types.DocumentSymbol]:
        """Return what the file declares, and the handlers of its domains."""
        found = [
            (one.span, say_path(one.key), one.key[0])
            for places in self.analysis.index.definitions.values() for one in places
            if one.span.path == self.file.name and one.key[0] not in LOCALS
        ]  # fmt: skip
        found += [(name.span, f"on {name.text}", "handler") for name in self.list_handlers()]
        symbols = []
        for span, name, kind in sorted(found):
            for here in map(self.range, self.locate([span])):
                symbols.append(types.DocumentSymbol(name, SYMBOLS.get(kind, types.SymbolKind.Field), here, here))
        return symbols

    def list_handlers(self) -> Iterator[Name]:
        """Yield the events that the file's domains handle, where they do."""
        for file in self.analysis.files:
            for item in file.items if file.path == self.file.name else ():
                clauses = item.declaration.clauses if isinstance(item.declaration, syntax.Domain) else ()
                yield from (one.event for one in clauses if isinstance(one, syntax.Handler))

    def format(self) -> list[types.TextEdit]:
        """Return the edits that bring the file into the one layout; one that does not parse stays as it is."""
        text = self.file.project.buffers.get(self.file.name)
        if text is None or any(one.name == "syntax" for one in self.own_diagnostics()):
            return []
        old = join_lines(text)
        return make_edits(old, format_text(old), self.files.line_end(self.file), self.encoding)

    # ---- diagnostics

    def own_diagnostics(self) -> list[Diagnostic]:
        """Return what is wrong with this file."""
        return [one for one in self.analysis.diagnostics if one.span.path == self.file.name]

    def diagnostics(self) -> dict[str, list[types.Diagnostic]]:
        """Return what is wrong, by URI; what has no place is shown at the start of this file."""
        found: dict[str, list[types.Diagnostic]] = {}
        for one in sorted(self.analysis.diagnostics, key=lambda one: one.span):
            name = self.file.name if one.span == NOWHERE else one.span.path
            uri = self.files.name_uri(self.file.project, name)
            found.setdefault(uri, []).append(self.make_diagnostic(one))
        return found

    def make_diagnostic(self, one: Diagnostic) -> types.Diagnostic:
        """Return a message with its label, its help and its notes."""
        parts = [one.message, *([one.label] if one.label else []), *([f"help: {one.help}"] if one.help else [])]
        notes = [self.make_note(note) for note in one.notes if note.span != NOWHERE]
        return types.Diagnostic(
            self.range(one.span), "\n".join(parts), severity=types.DiagnosticSeverity.Error, code=one.name,
            source="luvalley", related_information=notes or None,
        )  # fmt: skip

    def make_note(self, one: Note) -> types.DiagnosticRelatedInformation:
        """Return a second place, and what it explains."""
        text = ": ".join(part for part in (one.text, one.label) if part)
        return types.DiagnosticRelatedInformation(self.location(one.span), text)
