"""The interface with programs of dom0, for C and NASM, and the table of the command line's options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from codegen.emit.files import Output, header_comment, render
from codegen.emit.headers import exit_count, place_exits
from codegen.model.abi import Abi, Option, Record, RecordField, alignment_of
from codegen.model.choices import Domain, Model
from codegen.model.facts import Facts, Port
from codegen.model.types import Scalar

SOURCES = "spec/abi.luv and spec/hypercalls.luv"


# ---- records in C


@dataclass(frozen=True)
class RecordView:
    """A structure in C: its members, and their bytes together."""

    name: str
    doc: str
    size: int
    lines: tuple[str, ...]


def view_record(record: Record) -> RecordView:
    """Return a structure whose gaps have names: it has the size of its members unless a compiler moves one."""
    lines = tuple(f"    {line}" for line in Members(record).lines)
    return RecordView(record.name, record.doc.summary, record.size, lines)


class Members:
    """The members of a record, written one after the other."""

    def __init__(self, record: Record) -> None:
        self.lines: list[str] = []
        self.gaps = 0
        at = 0
        for group in split_groups(record.fields):
            at = self.add_group(group, at)
        self.add_gap(record.size - at)

    def add_gap(self, size: int, indent: str = "") -> None:
        """Add bytes that nothing uses."""
        if size:
            self.lines.append(f"{indent}uint8_t unused{self.gaps}[{size:#x}];")
            self.gaps += 1

    def add_group(self, group: list[RecordField], at: int) -> int:
        """Add fields that share bytes as a union, a single one as it is; return the offset after them."""
        self.add_gap(group[0].offset - at)
        if len(group) == 1 or not group[-1].overlay:
            self.add_fields(group, group[0].offset, "")
            return max(one.end for one in group)
        self.lines.append("union {")
        base = [one for one in group if not one.overlay]
        self.add_alternative(base, base[0].offset)
        for one in group[len(base) :]:
            self.add_alternative([one], base[0].offset)
        self.lines.append("};")
        alignment = max(alignment_of(one.type) for one in group)
        return base[0].offset - (base[0].offset - max(one.end for one in group)) // alignment * alignment

    def add_alternative(self, fields: list[RecordField], at: int) -> None:
        """Add one member of a union: a field, or a structure without a name."""
        if len(fields) == 1 and fields[0].offset == at:
            self.add_fields(fields, at, "    ")
            return
        self.lines.append("    struct {")
        self.add_fields(fields, at, "        ")
        self.lines.append("    };")

    def add_fields(self, fields: list[RecordField], at: int, indent: str) -> None:
        """Add fields in order, those of one line of the spec on one line."""
        for doc, some in groupby(fields, lambda one: (one.doc, one.type, one.count)):
            line = list(some)
            self.add_gap(line[0].offset - at, indent)
            at = line[0].offset
            if doc[0].summary:
                self.lines.append(f"{indent}/* {doc[0].summary} */")
            for run in split_runs(line):
                self.add_gap(run[0].offset - at, indent)
                names = ", ".join(one.name + (f"[{one.count:#x}]" if one.count else "") for one in run)
                self.lines.append(f"{indent}{say_type(line[0].type)} {names};")
                at = run[-1].end


def split_groups(fields: tuple[RecordField, ...]) -> Iterator[list[RecordField]]:
    """Yield fields that share bytes together, and each run of others by itself."""
    plain: list[RecordField] = []
    overlays: list[RecordField] = []
    for one in fields:
        if one.overlay:
            overlays.append(one)
            continue
        if overlays:
            yield from close_group(plain, overlays)
            plain, overlays = [], []
        plain.append(one)
    yield from close_group(plain, overlays)


def close_group(plain: list[RecordField], overlays: list[RecordField]) -> Iterator[list[RecordField]]:
    """Yield the fields before the bytes that are shared, then those that share them."""
    start = min((one.offset for one in overlays), default=None)
    before = [one for one in plain if start is None or one.offset < start]
    if before:
        yield before
    if overlays:
        yield [*plain[len(before) :], *overlays]


def split_runs(fields: list[RecordField]) -> Iterator[list[RecordField]]:
    """Yield fields that touch each other."""
    run: list[RecordField] = []
    for one in fields:
        if run and run[-1].end != one.offset:
            yield run
            run = []
        run.append(one)
    yield run


def say_type(type: Scalar | Record) -> str:
    """Return a type as C on both sides has it."""
    return f"struct luv_{type.name}" if isinstance(type, Record) else f"uint{type.bits}_t"


# ---- the header, and NASM's constants


def find_port(domain: Domain) -> Port | None:
    """Return the port that takes root's calls."""
    return next((rule.port for rule in domain.io.rules if rule.write.kind == "hypercalls"), None)


def find_signature(model: Model) -> tuple[int, str, str] | None:
    """Return the CPUID leaf by which programs find the hypervisor, and the text in it."""
    for domain in model.domains.values():
        for leaf, (_, *letters) in domain.cpuid.own:
            text = b"".join(one.to_bytes(4, "little") for one in letters)
            if not domain.under and text.strip(b"\0"):
                return leaf, text.decode("ascii", "replace"), ", ".join(f"{one:#x}" for one in letters)
    return None


def name_exits(facts: Facts) -> list[str]:
    """Return the names of exits by number; nothing for a number that is none."""
    names = [""] * exit_count(facts)
    for exit, place in place_exits(facts):
        names[place : place + exit.last - exit.number + 1] = [exit.name] * (exit.last - exit.number + 1)
    return names


def make_abi(models: Mapping[str, Model]) -> Output:
    """Generate the interface as both sides include it; the names of exits for each processor."""
    model = next(iter(models.values()))
    names = {name if len(models) > 1 else "": name_exits(one.facts) for name, one in models.items()}
    ports = [port for domain in model.domains.values() if (port := find_port(domain))]
    view = {
        "first": header_comment(SOURCES, "What programs of dom0 and the hypervisor share."),
        "abi": model.abi, "names": names, "records": [view_record(one) for one in model.abi.records.values()],
        "calls": sorted(model.hypercalls.values(), key=lambda one: one.number),
        "errnos": sorted(model.errnos.values(), key=lambda one: one.number),
        "forwards": sorted(model.facts.forwards.values(), key=lambda one: one.number),
        "port": f"{ports[0].first:#x}" if ports else "", "signature": find_signature(model),
    }
    return Output("abi/luvalley_abi.h", render("abi.h.j2", **view))


def make_abi_assembly(model: Model) -> list[Output]:
    """Generate what assembly needs: the magic, and where the run page has the registers that software saves."""
    abi = model.abi
    saved = {one.name for one in model.facts.state.values() if one.field is None and one.register is not None}
    fields = [one for one in abi.records["run"].fields if one.name in saved] if "run" in abi.records else []
    if not fields:
        return []
    first = header_comment(SOURCES, "The interface with programs of dom0, for NASM.")
    return [Output("abi/luvalley_abi.inc", render("abi.inc.j2", first=first, magic=abi.magic, fields=fields))]


# ---- options


@dataclass(frozen=True)
class OptionView:
    """An option in C; `wants`: what the message about a bad value says."""

    name: str
    syntax: str
    prefix: str
    kind: str
    limit: int
    wants: str


@dataclass(frozen=True)
class ValueView:
    """A member of struct options, with the offset that it has in 32-bit and in 64-bit code."""

    name: str
    declaration: str
    offset: int


KIND_TYPES = {"drive": "struct boot_disk", "flag": "bool", "sizes": "struct sizes"}


def say_wants(option: Option) -> str:
    """Return what a value may be, as messages and the manual have it."""
    return {
        "flag": "",
        "drive": "N of 0 to 9 and P of 1 to 4",
        "sizes": f"up to {option.limit} sizes like 512M, 2G or 4096K, each a multiple of 2 MiB",
    }[option.kind]


def view_options(abi: Abi) -> list[OptionView]:
    """Return the options in their order."""
    return [OptionView(one.name, one.syntax, one.prefix, one.kind, one.limit, say_wants(one))
            for one in abi.options.values()]


def view_values(abi: Abi) -> list[ValueView]:
    """Return their values, bytes before words, so that there is no more than one gap."""
    views, at = [], 0
    layouts = {"drive": (2, 1), "flag": (1, 1), "sizes": (4 + 4 * most_sizes(abi), 4)}
    for one in sorted(abi.options.values(), key=lambda one: layouts[one.kind][1]):
        size, alignment = layouts[one.kind]
        at = -(-at // alignment) * alignment
        views.append(ValueView(one.name, f"{KIND_TYPES[one.kind]} {one.name};", at))
        at += size
    return views


def most_sizes(abi: Abi) -> int:
    """Return how many sizes an option has at most."""
    return max((one.limit for one in abi.options.values()), default=0)


def make_options(model: Model) -> list[Output]:
    """Generate what the command line chooses, and the table by which it is read."""
    if not model.abi.options:
        return []
    views, values = view_options(model.abi), view_values(model.abi)
    first = header_comment("spec/abi.luv", "What the command line chose: the same layout in 32-bit and 64-bit code.")
    second = header_comment("spec/abi.luv", "The options of the command line.")
    return [
        Output("abi/options.h", render("options.h.j2", first=first, values=values, most=most_sizes(model.abi))),
        Output("abi/option_table.h", render("option_table.h.j2", first=second, options=views)),
    ]


def write_options(abi: Abi) -> str:
    """Return the table of options that docs/command-line.md has."""
    rows = [f"| `{one.syntax}` | {say_option(one)} |" for one in abi.options.values()]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def say_option(option: Option) -> str:
    """Return an option's documentation, and what its value may be."""
    wants = say_wants(option)
    return option.doc.summary + (f" Its value: {wants}." if wants else "")
