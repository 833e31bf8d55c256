"""The names that declarations define."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from codegen.editor.names import Definition, Key
from codegen.language import syntax
from codegen.source import Name

Found = Iterator[Definition]
Comment = syntax.Doc | None


def list_definitions(item: syntax.Item) -> Found:
    """Yield what a declaration defines: its own name, and those of its entries."""
    node = item.declaration
    lister = LISTERS.get(type(node))
    if lister:
        yield from lister(node, item.doc)
        return
    name = getattr(node, "name", None)
    if isinstance(name, Name):
        yield make((type(node).__name__.lower(),), name, item.doc)


def make(group: Key, name: Name, table: Comment, doc: Comment = None, members: Key = ()) -> Definition:
    """Return the definition of a name in a group."""
    return Definition((*group, name.text), name.span, doc, table, members)


def list_bits(group: Key, bits: Iterable[syntax.Bit], table: Comment) -> Found:
    """Yield bits, and the names of their values."""
    for bit in bits:
        yield make(group, bit.name, table, bit.doc)
        for one in bit.enumerators:
            yield make(("value", group[-1], bit.name.text), one.name, table, bit.doc)


def list_manual(node: syntax.Manual, doc: Comment) -> Found:
    for one in node.sections:
        yield make(("section",), one.number, doc)


def list_vmcs(node: syntax.Vmcs, doc: Comment) -> Found:
    yield make(("group",), node.name, doc)
    for one in node.fields:
        layout = one.layout.text if one.layout else f"vmcs.{one.name.text}"
        yield make(("field",), one.name, doc, one.doc, ("bit", layout))
        yield from list_bits(("bit", layout), one.bits, doc)


def list_controls(node: syntax.Controls, doc: Comment) -> Found:
    yield make(("word",), node.name, doc, members=("control", node.name.text))
    yield from list_bits(("control", node.name.text), node.bits, doc)


def list_capabilities(node: syntax.Capabilities, doc: Comment) -> Found:
    yield make(("capabilities",), node.name, doc, members=("capability", node.name.text))
    yield from list_bits(("capability", node.name.text), node.bits, doc)


def list_layout(node: syntax.Layout, doc: Comment) -> Found:
    yield make(("layout",), node.name, doc, members=("bit", node.name.text))
    yield from list_bits(("bit", node.name.text), node.bits, doc)


def list_exits(node: syntax.Exits, doc: Comment) -> Found:
    for exit in node.exits:
        if exit.name:
            yield make(("exit",), exit.name, doc, exit.doc)
        for one in exit.alternatives:
            yield make(("event",), one.event, doc, exit.doc, ("payload", one.event.text))
            for field in one.payload:
                yield make(("payload", one.event.text), field.name, doc, exit.doc)


def list_information(node: syntax.Information, doc: Comment) -> Found:
    for one in node.words:
        yield make(("information",), one.name, doc)


def list_checks(node: syntax.Checks, doc: Comment) -> Found:
    yield make(("checks",), node.name, doc)
    for item in node.items:
        rules = item.rules if isinstance(item, syntax.Each) else (item,)
        for rule in rules:
            yield make(("rule",), rule.name, doc, rule.doc)


def list_state(node: syntax.State, doc: Comment) -> Found:
    yield make(("table",), node.name, doc)
    kind = "host state" if node.name.text == "host" else "state"
    for one in node.fields:
        yield make((kind,), one.name, doc, one.doc, ("bit", one.layout.text) if one.layout else ())


def list_msrs(node: syntax.Msrs, doc: Comment) -> Found:
    for one in node.classes:
        yield make(("class",), one.name, doc)
    for msr in node.msrs:
        yield make(("msr",), msr.name, doc, msr.doc)


def list_cpuid(node: syntax.Cpuid, doc: Comment) -> Found:
    for register in node.registers:
        yield from list_bits(("feature",), register.bits or (), doc)


def list_struct(node: syntax.Struct, doc: Comment) -> Found:
    yield make(("struct",), node.name, doc, members=("member", node.name.text))
    for one in node.fields:
        yield make(("member", node.name.text), one.name, doc)


def list_extern(node: syntax.Extern, doc: Comment) -> Found:
    yield make(("extern",), node.name, doc, members=("member", node.returns.text) if node.returns else ())


def list_record(node: syntax.Record, doc: Comment) -> Found:
    yield make(("record",), node.name, doc)
    for field in node.fields:
        for name in field.names:
            yield make(("record field", node.name.text), name, doc, field.doc)


def list_numbers(node: syntax.Numbers, doc: Comment) -> Found:
    yield make(("numbers",), node.name, doc)
    for one in node.numbers:
        yield make(("number", node.name.text), one.name, doc)
        for member in one.members if isinstance(one, syntax.NumberedEach) else ():
            yield make(("number", node.name.text, one.name.text), member.name, doc)


def list_flags(node: syntax.Flags, doc: Comment) -> Found:
    yield make(("flags",), node.name, doc)
    for one in node.flags:
        yield make(("flag", node.name.text), one.name, doc)


def lists_entries(entries: str, kind: str) -> Callable[[Any, Comment], Found]:
    """Return a lister of a table whose entries have names and nothing else to look into."""

    def list_entries(node: Any, doc: Comment) -> Found:
        for one in getattr(node, entries):
            yield make((kind,), one.name, doc, getattr(one, "doc", None))

    return list_entries


LISTERS: dict[type, Callable[[Any, Comment], Found]] = {
    syntax.Manual: list_manual,
    syntax.Vmcs: list_vmcs,
    syntax.Controls: list_controls,
    syntax.Capabilities: list_capabilities,
    syntax.Layout: list_layout,
    syntax.Exits: list_exits,
    syntax.Information: list_information,
    syntax.Checks: list_checks,
    syntax.State: list_state,
    syntax.Msrs: list_msrs,
    syntax.Cpuid: list_cpuid,
    syntax.Struct: list_struct,
    syntax.Extern: list_extern,
    syntax.Record: list_record,
    syntax.Numbers: list_numbers,
    syntax.Flags: list_flags,
    syntax.Vectors: lists_entries("vectors", "vector"),
    syntax.Ports: lists_entries("ports", "port"),
    syntax.Errnos: lists_entries("errnos", "errno"),
    syntax.Forwards: lists_entries("forwards", "forward"),
    syntax.Limits: lists_entries("limits", "limit"),
    syntax.Callers: lists_entries("callers", "caller"),
    syntax.Options: lists_entries("options", "option"),
}
