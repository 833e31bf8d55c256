"""The interface with programs of dom0: layouts without overlaps, numbers and names that are free."""

from __future__ import annotations

import re
from dataclasses import replace

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.language import syntax
from codegen.model import abi as model
from codegen.model.facts import Doc
from codegen.model.types import HANDLES, SCALARS, Scalar
from codegen.resolve.declarations import check_number, check_reserved, declare, make_doc, of_kind
from codegen.source import Span

NOTHING = "nothing"
WAYS = ("vmcall", "port")
KINDS = {"flag": False, "drive": False, "sizes": True}  # which of them have a limit
FIELD_TYPES = {name: type for name, type in SCALARS.items() if type.bits > 1}
MAX_NUMBER = 0xFFFFFFFF
MAX_BIT = 31
PREFIX = re.compile(r"[a-z_]+(=[a-z]*)?")
FLAG = re.compile(r"[a-z][a-z0-9_]*(=[a-z0-9_]+)?$")
MAX_VALUES = 64  # of one option: each has a place in the 32-bit start's memory


def resolve_abi(items: list[syntax.Item], reporter: Reporter) -> model.Abi:
    """Return the interface that the declarations make together."""
    resolver = AbiResolver(reporter)
    for node, doc in of_kind(items, syntax.Record):
        resolver.add_record(node, doc)
    for node, doc in of_kind(items, syntax.Numbers):
        resolver.add_numbers(node, doc)
    for node, doc in of_kind(items, syntax.Flags):
        resolver.add_flags(node, doc)
    for node, _ in of_kind(items, syntax.Limits):
        resolver.add_limits(node)
    for node, _ in of_kind(items, syntax.Options):
        resolver.add_options(node)
    callers = of_kind(items, syntax.Callers)
    for node, _ in callers[1:]:
        errors.duplicate_rule(reporter, node.span, "there is one list of callers", callers[0][0].span)
    magic = [resolver.add_callers(node) for node, _ in callers]
    return replace(resolver.abi, magic=magic[0] if magic else 0)


class AbiResolver:
    """Collect the parts of the interface."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.abi = model.Abi()

    def check_size(self, number: syntax.Number, last: int, what: str) -> None:
        """Report a number that is too large."""
        if number.value > last:
            message = f"{number.text}: no {what} has such a number"
            errors.out_of_range(self.reporter, number.span, message, f"the last one is {last:#x}")

    def check_positive(self, number: syntax.Number, what: str) -> None:
        """Report a limit that leaves nothing."""
        if number.value == 0:
            errors.out_of_range(self.reporter, number.span, f"a {what} of 0 leaves nothing", "at least 1")

    def take_names(self, names: list[syntax.Name], kind: str) -> None:
        """Report names that stand twice in one list or are words of C."""
        first: dict[str, Span] = {}
        for name in names:
            if name.text in first:
                errors.duplicate_name(self.reporter, name, kind, first[name.text])
            check_reserved(name, kind, self.reporter)
            first.setdefault(name.text, name.span)

    # ---- records

    def add_record(self, node: syntax.Record, doc: Doc) -> None:
        """Add a structure; its fields may have the types of those before it."""
        self.take_names([name for field in node.fields for name in field.names], f"field of record `{node.name.text}`")
        fields = [one for field in node.fields for one in self.make_fields(field)]
        made = model.Record(node.name.text, node.size.value, tuple(fields), doc, node.name.span)
        self.check_record(made, node.size)
        check_reserved(node.name, "record", self.reporter)
        declare(self.abi.records, node.name, "record", made, self.reporter)

    def make_fields(self, node: syntax.RecordField) -> list[model.RecordField]:
        """Return the fields of one line, one after the other."""
        known: dict[str, Scalar | model.Record] = {**FIELD_TYPES, **self.abi.records}
        type = known.get(node.type.text)
        if type is None:
            errors.unknown_name(self.reporter, node.type, "type of a field", known)
            return []
        count = node.count.value if node.count else 0
        step = model.size_of(type) * (count or 1)
        doc = make_doc(node.doc)
        return [
            model.RecordField(name.text, node.offset.value + step * index, type, count, node.overlay, doc, name.span)
            for index, name in enumerate(node.names)
        ]

    def check_record(self, record: model.Record, size: syntax.Number) -> None:
        """Report fields that are misaligned, overlap, go back, or exceed the record."""
        for one in record.fields:
            if one.offset % model.alignment_of(one.type):
                message = f"`{one.name}` at {one.offset:#x} is not aligned to {model.alignment_of(one.type)} bytes"
                errors.record_layout(self.reporter, one.span, message, "misaligned")
            if one.end > record.size:
                message = f"`{one.name}` ends at {one.end:#x}, record `{record.name}` at {record.size:#x}"
                errors.record_layout(self.reporter, one.span, message, "outside", size.span)
        if record.size % record.alignment:
            message = f"record `{record.name}` has {record.size:#x} bytes, no multiple of its alignment"
            errors.record_layout(self.reporter, size.span, message, f"it is aligned to {record.alignment} bytes")
        last: model.RecordField | None = None
        for one in record.fields:
            self.check_order(last, one)
            last = one if last is None or one.end >= last.end else last

    def check_order(self, last: model.RecordField | None, one: model.RecordField) -> None:
        """Report a field that overlaps those before, or claims to and does not; `last` ends after all of these."""
        end, first = (last.end, last.span) if last else (0, None)
        if one.offset < end and not one.overlay:
            message = f"`{one.name}` at {one.offset:#x} overlaps what comes before, which ends at {end:#x}"
            errors.record_layout(self.reporter, one.span, message, "say `overlay` if it should", first)
        if one.overlay and one.offset >= end:
            message = f"`{one.name}` at {one.offset:#x} overlays nothing: what comes before ends at {end:#x}"
            errors.record_layout(self.reporter, one.span, message, "say it without `overlay`", first)

    # ---- numbers and flags

    def add_numbers(self, node: syntax.Numbers, doc: Doc) -> None:
        """Add numbers of one kind; those that each of several has come last, since there is no end to them."""
        kind = f"number of `{node.name.text}`"
        self.take_names([name for one in node.numbers for name in list_names(one)], kind)
        taken: dict[int, Span] = {}
        plain: list[model.Number] = []
        each: model.Each | None = None
        for one in node.numbers:
            self.check_size(one.number, MAX_NUMBER, kind)
            check_number(taken, one.number.value, one.number.span, f"{kind} {one.number.value}", self.reporter)
            if isinstance(one, syntax.NumberedEach):
                each = make_each(one)
            else:
                size = one.size.value if one.size else 0
                plain.append(model.Number(one.number.value, one.name.text, size, one.text.value))
        if each:
            self.check_below(each, plain, taken)
        made = model.Numbers(node.name.text, tuple(plain), each, doc, node.name.span)
        declare(self.abi.numbers, node.name, "numbers", made, self.reporter)

    def check_below(self, each: model.Each, plain: list[model.Number], taken: dict[int, Span]) -> None:
        """Report numbers among those that each of several has."""
        for number in (one.number for one in plain if one.number > each.first):
            message = f"{number} is a {each.name}'s: these have all numbers from {each.first} on"
            errors.duplicate_number(self.reporter, taken[number], message, taken[each.first])

    def add_flags(self, node: syntax.Flags, doc: Doc) -> None:
        """Add the bits of one word."""
        kind = f"flag of `{node.name.text}`"
        self.take_names([one.name for one in node.flags], kind)
        taken: dict[int, Span] = {}
        flags = []
        for one in node.flags:
            low, high = one.low.value, one.high.value
            if low > high or high > MAX_BIT:
                message = f"bits {low}..{high} are in no word of 32 bits"
                errors.out_of_range(self.reporter, one.low.span, message, f"it has bits 0..{MAX_BIT}")
                continue
            for bit in range(low, high + 1):
                check_number(taken, bit, one.name.span, f"bit {bit} of `{node.name.text}`", self.reporter)
            flags.append(model.Flag(one.name.text, low, high, one.text.value))
        made = model.Flags(node.name.text, tuple(flags), node.all, doc, node.name.span)
        declare(self.abi.flags, node.name, "flags", made, self.reporter)

    def add_limits(self, node: syntax.Limits) -> None:
        """Add limits."""
        for one in node.limits:
            self.check_size(one.number, MAX_NUMBER, "limit")
            self.check_positive(one.number, "limit")
            made = model.Limit(one.name.text, one.number.value, one.text.value, one.name.span)
            declare(self.abi.limits, one.name, "limit", made, self.reporter)

    # ---- callers and options

    def add_callers(self, node: syntax.Callers) -> int:
        """Add who may call; return the number that marks a hypercall."""
        self.check_size(node.magic, MAX_NUMBER, "hypercall's magic")
        known = (NOTHING, *HANDLES)
        for one in node.callers:
            if one.way.text not in WAYS:
                errors.unknown_name(self.reporter, one.way, "way to make a hypercall", WAYS)
            self.take_names(list(one.handles), "handle")
            for handle in one.handles:
                if handle.text not in known:
                    errors.unknown_name(self.reporter, handle, "handle", known)
            handles = tuple("" if handle.text == NOTHING else handle.text for handle in one.handles)
            bit = 1 << len(self.abi.callers)
            made = model.Caller(one.name.text, bit, one.way.text, handles, one.text.value, one.name.span)
            declare(self.abi.callers, one.name, "caller", made, self.reporter)
        return node.magic.value

    def add_options(self, node: syntax.Options) -> None:
        """Add options of the command line."""
        for one in node.options:
            check_reserved(one.name, "option", self.reporter)
            declare(self.abi.options, one.name, "option", self.make_option(one), self.reporter)

    def make_option(self, node: syntax.Option) -> model.Option:
        """Return an option; its word begins with the lower-case part of how it is written, a flag is all of it."""
        found = (FLAG if node.kind.text == "flag" else PREFIX).match(node.syntax.value)
        if node.kind.text not in KINDS:
            errors.unknown_name(self.reporter, node.kind, "kind of option", KINDS)
        elif KINDS[node.kind.text] != (node.limit is not None):
            many = "a" if KINDS[node.kind.text] else "no"
            message = f"an option of kind `{node.kind.text}` has {many} number of values"
            errors.type_mismatch(self.reporter, node.kind.span, message, f"`{node.kind.text}`")
        if found is None:
            message = f'no word of a command line begins like "{node.syntax.value}"'
            label = "small letters and digits" if node.kind.text == "flag" else "begin with small letters"
            errors.type_mismatch(self.reporter, node.syntax.span, message, label)
        prefix = found[0] if found else ""
        self.check_prefix(node, prefix)
        if node.limit:
            self.check_positive(node.limit, "number of values")
            self.check_values(node.limit)
        limit = node.limit.value if node.limit else 0
        return model.Option(
            node.name.text, node.syntax.value, prefix, node.kind.text, limit, make_doc(node.doc), node.name.span
        )

    def check_values(self, number: syntax.Number) -> None:
        """Report more values than a place is kept for."""
        if number.value > MAX_VALUES:
            message = f"{number.text}: no option has so many values"
            errors.out_of_range(self.reporter, number.span, message, f"at most {MAX_VALUES}")

    def check_prefix(self, node: syntax.Option, prefix: str) -> None:
        """Report an option without documentation, or one that an earlier one's words begin like."""
        if node.doc is None:
            errors.missing_doc(self.reporter, node.name.span, f"option `{node.name.text}`")
        for other in self.abi.options.values():
            if prefix and other.prefix and (prefix.startswith(other.prefix) or other.prefix.startswith(prefix)):
                message = f"option `{node.name.text}` begins like `{other.name}`"
                errors.duplicate_rule(self.reporter, node.syntax.span, message, other.span)


def list_names(one: syntax.Numbered | syntax.NumberedEach) -> list[syntax.Name]:
    """Return the names of one entry; those of members are one with the entry's own."""
    if isinstance(one, syntax.Numbered):
        return [one.name]
    return [syntax.Name(f"{one.name.text}_{member.name.text}", member.name.span) for member in one.members]


def make_each(node: syntax.NumberedEach) -> model.Each:
    """Return members with the numbers of the first that has them."""
    first = node.number.value
    members = tuple(
        model.Number(first + index, f"{node.name.text}_{one.name.text}", 0, one.text.value)
        for index, one in enumerate(node.members)
    )
    return model.Each(node.name.text, first, members)
