"""Headers: constants for C and NASM from one list, names for dumps, memory regions, structs and externs."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emit.c import c_declare, c_type
from codegen.emit.files import Output, header_comment, render
from codegen.emit.needed import Names, Needed
from codegen.model.choices import RUNTIME_REGIONS, Extern, Model
from codegen.model.facts import Bit, Facts
from codegen.model.types import HandleType


@dataclass(frozen=True)
class Constant:
    """A named number for C and NASM."""

    name: str
    value: int
    comment: str = ""

    @property
    def c(self) -> str:
        """Return the value as its `#define` has it."""
        return f"{self.value:#x}{'ull' if self.value >> 32 else 'u'}"

    @property
    def nasm(self) -> str:
        """Return the value as its `%define` has it."""
        return f"{self.value:#x}"


@dataclass(frozen=True)
class Group:
    """Constants under one comment."""

    title: str
    constants: tuple[Constant, ...]


def make_constants(model: Model, needed: Needed) -> list[Output]:
    """Generate the headers with the constants that C names, and the file of those that assembly names."""
    facts, processor = model.facts, model.facts.processor
    own = f"spec/facts/{processor}/"
    fields = [*field_groups(facts), exit_group(facts), *layout_groups(facts, processor)]
    headers = {
        f"{processor}/fields.h": ("Fields and exit reasons.", own, fields),
        f"{processor}/controls.h": ("Controls and capabilities.", own, control_groups(facts)),
    }
    outputs = [render_header(name, what, sources, keep_needed(groups, needed.c))
               for name, (what, sources, groups) in headers.items()]
    every = [group for _, _, some in headers.values() for group in some]
    groups = keep_needed([*every, *x86_groups(model)], needed.assembly)
    first = header_comment("spec/", "Constants of the C headers that assembly names.")
    return [*outputs, Output(f"{processor}/constants.inc", render("constants.inc.j2", first=first, groups=groups))]


def make_machine_constants(model: Model, needed: Needed) -> Output:
    """Generate the header with the constants of the machine, and of the choices, that C names."""
    sources = "spec/facts/x86/, spec/runtime.luv"
    return render_header(
        "x86/x86.h", "Registers, MSRs, vectors and ports.", sources, keep_needed(x86_groups(model), needed.c))


def keep_needed(groups: list[Group], needed: Names) -> list[Group]:
    """Return the constants that something names, without the groups that have none."""
    kept = [Group(one.title, tuple(item for item in one.constants if item.name in needed)) for one in groups]
    return [one for one in kept if one.constants]


def render_header(name: str, what: str, sources: str, groups: list[Group]) -> Output:
    """Render one header."""
    first = header_comment(sources, what)
    return Output(name, render("constants.h.j2", first=first, groups=groups))


def field_groups(facts: Facts) -> list[Group]:
    """Return encodings by area and group, and the bits of fields that declare them."""
    groups: dict[str, list[Constant]] = {}
    for field in facts.vmcs.values():
        made = Constant(f"VMCS_{field.name.upper()}", field.encoding)
        groups.setdefault(f"{field.area}: {field.group.replace('_', ' ')}", []).append(made)
    own = [field.layout for field in facts.vmcs.values() if field.layout and field.layout.name == field.name]
    layouts = [bits_group(layout.name, layout.bits) for layout in own]
    return [*(Group(title, tuple(some)) for title, some in groups.items()), *layouts]


def exit_group(facts: Facts) -> Group:
    """Return exit reasons and their count."""
    exits = [Constant(f"EXIT_REASON_{one.name.upper()}", one.number) for one in facts.exits.values()]
    return Group("Basic exit reasons", (*exits, Constant("EXIT_COUNT", exit_count(facts))))


def exit_count(facts: Facts) -> int:
    """Return one more than the highest exit reason."""
    return max((one.number for one in facts.exits.values()), default=-1) + 1


def bits_group(name: str, bits: tuple[Bit, ...]) -> Group:
    """Return the bits of a layout."""
    return Group(f"Bits of {name}", tuple(one for bit in bits for one in bit_constants(name, bit)))


def bit_constants(prefix: str, bit: Bit) -> list[Constant]:
    """Return the mask of one bit; of more mask, shift, and their enumerators in place."""
    name = f"{prefix}_{bit.name}".upper().rstrip("_")
    if bit.width == 1:
        return [Constant(name, bit.mask)]
    values = [Constant(f"{name}_{value_name}".upper(), value) for value_name, value in bit.values]
    return [Constant(f"{name}_MASK", bit.mask), Constant(f"{name}_SHIFT", bit.low), *values]


def control_groups(facts: Facts) -> list[Group]:
    """Return the bits of each control word."""
    groups = []
    for word in facts.words.values():
        bits = tuple(Constant(f"{word.name}_{one.name}".upper(), 1 << one.bit) for one in word.controls)
        groups.append(Group(f"{word.name} controls", bits))
    return [*groups, *(bits_group(table.name, table.bits) for table in facts.capabilities.values())]


def x86_groups(model: Model) -> list[Group]:
    """Return registers, MSRs, vectors, ports and the spec's constants."""
    facts = model.facts
    msrs = Group("MSRs", tuple(Constant(one.name, one.first) for one in facts.msrs.values()))
    numbers = {f"VECTOR_{one.name.upper()}": one.number for one in facts.vectors.values()}
    vectors = Group("Vectors", tuple(Constant(name, number) for name, number in numbers.items()))
    traits = Group("Vectors by trait, as masks", tuple(trait_masks(facts)))
    bits = {f"CPUID_{one.name.upper()}": 1 << one.low for one in facts.features.values() if one.low == one.high}
    features = Group("Feature bits of CPUID", tuple(Constant(name, mask) for name, mask in bits.items()))
    ports = Group("Ports", tuple(Constant(f"PORT_{one.name.upper()}", one.first) for one in facts.ports.values()))
    constants = tuple(Constant(name, value, doc.summary) for name, (value, _, doc) in model.constants.items())
    return [msrs, vectors, traits, features, ports, *layout_groups(facts, ""), Group("Choices", constants)]


def layout_groups(facts: Facts, processor: str) -> list[Group]:
    """Return the bits of the layouts that are one processor's; of those that are the machine's where it has no name."""
    return [bits_group(one.name, one.bits) for one in facts.layouts.values() if one.processor == processor]


def trait_masks(facts: Facts) -> list[Constant]:
    """Return for each trait of vectors the mask of those that have it: VECTORS_FAULT, VECTORS_ERROR_CODE ..."""
    masks: dict[str, int] = {}
    for vector in facts.vectors.values():
        for trait in vector.traits:
            masks[trait] = masks.get(trait, 0) | 1 << vector.number
    return [Constant(f"VECTORS_{trait.upper()}", mask) for trait, mask in sorted(masks.items())]


def make_names(model: Model) -> list[Output]:
    """Generate names for logs and dumps."""
    processor = model.facts.processor
    first = header_comment(f"spec/facts/{processor}/", "Names for messages and dumps.")
    exits = [(f"EXIT_REASON_{one.name.upper()}", one.name) for one in model.facts.exits.values()]
    fields = [(f"VMCS_{one.name.upper()}", one.name) for one in model.facts.vmcs.values()]
    view = {"first": first, "processor": processor, "exits": exits, "fields": fields}
    return [Output(f"{processor}/names.{kind}", render(f"names.{kind}.j2", **view)) for kind in ("c", "h")]


def make_regions(model: Model, needed: Needed) -> list[Output]:
    """Generate the numbers of regions, base and size of those with a fixed place that C names, and their table."""
    first = header_comment("spec/memory.luv", "Regions of physical memory.")
    places = [
        Constant(f"{one.name}_{name}".upper(), value)
        for one in model.regions.values() if one.kind == "at"
        for name, value in (("base", one.base), ("size", one.size))
    ]
    view = {"regions": list(model.regions.values()), "places": [one for one in places if one.name in needed.c]}
    placed = [one for one in model.regions.values() if one.kind == "at" and one.name not in RUNTIME_REGIONS]
    return [
        Output("x86/regions.h", render("regions.h.j2", first=first, **view)),
        Output("x86/regions.c", render("regions.c.j2", first=first, placed=placed)),
    ]


def make_externs(model: Model) -> list[Output]:
    """Generate structs.h, which depends on nothing, and externs.h with those functions that take the CPU."""
    first = header_comment("spec/runtime.luv", "Structs that bodies share with the runtime.")
    structs = [(one.name, [(field, c_type(type)) for field, type in one.fields]) for one in model.structs.values()]
    calls = [(one.doc.summary, prototype(one)) for one in model.externs.values() if one.takes_cpu]
    types = {type for one in model.externs.values() for _, type in one.parameters if isinstance(type, HandleType)}
    handles = sorted(one.name for one in types)
    second = header_comment("spec/runtime.luv", "Functions of the runtime that bodies call.")
    return [
        Output("x86/structs.h", render("structs.h.j2", first=first, structs=structs)),
        Output("x86/externs.h", render("externs.h.j2", first=second, calls=calls, handles=handles)),
    ]


def prototype(extern: Extern) -> str:
    """Return an extern's declaration in C."""
    returns = c_type(extern.returns) if extern.returns else "void"
    parameters = ["struct cpu *cpu", *(c_declare(type, name) for name, type in extern.parameters)]
    return f"{returns} {extern.name}({', '.join(parameters)});"


def make_state(model: Model, needed: Needed) -> Output:
    """Return the header of those accessors that something calls: `guest_rip()`, `set_guest_rip(value)` and so on."""
    processor = model.facts.processor
    first = header_comment(f"spec/facts/{processor}/state.luv", "The current guest's state that the processor keeps.")
    fields = [
        (one.name, f"VMCS_{one.field.upper()}", f"guest_{one.name}" in needed.c, f"set_guest_{one.name}" in needed.c)
        for one in model.facts.state.values() if one.field is not None
    ]
    return Output(f"{processor}/state.h", render("state.h.j2", first=first, processor=processor, fields=fields))
