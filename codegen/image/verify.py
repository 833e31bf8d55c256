"""The linked image held against the model: what was meant is what is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from codegen.emit.bitmaps import has_io_bitmap, make_io_bitmap, make_msr_bitmap
from codegen.emit.headers import exit_count
from codegen.image.tree import Tree
from codegen.model.choices import Model

LARGEST = 8
ALLOCATED = 2  # SHF_ALLOC: the section is part of the image in memory
EXECUTE, WRITE = 1, 2
PAGE = 4096
REGISTERS = (
    "rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "rbp", "r12", "r13", "r14", "r15",
)  # fmt: skip
VCPU_EXITS = {"outcome": 0, "counts": 8}
MULTIBOOT = {"Multiboot": bytes.fromhex("02b0ad1b"), "Multiboot 2": bytes.fromhex("d65052e8")}


@dataclass(frozen=True)
class Report:
    """`faults`: what differs from the model; `size`: bytes that a loader puts into memory."""

    faults: tuple[str, ...]
    size: int


def verify_image(tree: Tree, model: Model) -> Report:
    """Hold the linked image against the model."""
    path = tree.debug_image
    with path.open("rb") as file:
        elf = ELFFile(file)
        faults = [
            *check_segments(elf), *check_symbols(elf, model), *check_bitmaps(elf, model), *check_offsets(elf, model),
            *check_multiboot(path.read_bytes()),
        ]
        size = loaded_size(elf)
        if size > tree.max_bytes:
            faults.append(f"the image loads {size} bytes, more than {tree.max_bytes}; {list_largest(elf)}")
    return Report(tuple(faults), size)


def load_segments(elf: ELFFile) -> list[Any]:
    """Return what is loaded."""
    return [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]


def loaded_size(elf: ELFFile) -> int:
    """Return how many bytes are loaded."""
    return sum(segment["p_filesz"] for segment in load_segments(elf))


def check_segments(elf: ELFFile) -> list[str]:
    """Report pages that are both writable and executable, also by two segments that share them."""
    return [f"the page at {page:#x} is writable and executable"
            for page in sorted(find_pages(elf, EXECUTE) & find_pages(elf, WRITE))]


def find_pages(elf: ELFFile, right: int) -> set[int]:
    """Return the addresses of the pages that have some segment with this right."""
    return {
        page
        for segment in load_segments(elf)
        if segment["p_flags"] & right
        for page in range(segment["p_vaddr"] & -PAGE, segment["p_vaddr"] + segment["p_memsz"], PAGE)
    }


def check_symbols(elf: ELFFile, model: Model) -> list[str]:
    """Report undefined symbols, such as a C library or a compiler would bring, and missing symbols of domains."""
    table = symbol_table(elf)
    undefined = [s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF" and s.name]
    faults = [f"the symbol {name} is undefined" for name in undefined]
    for domain in model.domains.values():
        for name in (f"{domain.name}_{part}" for part in ("exit", "exit_handlers", "msr_bitmap")):
            if not table.get_symbol_by_name(name):
                faults.append(f"the symbol {name} is missing")
    return faults


def symbol_table(elf: ELFFile) -> SymbolTableSection:
    """Return the image's symbols: the debugging copy always has them."""
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return table


def read_symbol(elf: ELFFile, name: str, size: int) -> bytes:
    """Return the bytes at a symbol."""
    symbols = symbol_table(elf).get_symbol_by_name(name)
    if not symbols:
        return b""
    address = symbols[0]["st_value"]
    for segment in load_segments(elf):
        offset = address - segment["p_vaddr"]
        if 0 <= offset < segment["p_filesz"]:
            return bytes(segment.data()[offset : offset + size])
    return b""


def is_writable(elf: ELFFile, name: str) -> bool:
    """Return whether a symbol lies in memory that may be written."""
    symbols = symbol_table(elf).get_symbol_by_name(name) or []
    page = (symbols[0]["st_value"] if symbols else 0) & -PAGE
    return page in find_pages(elf, WRITE)


def check_bitmaps(elf: ELFFile, model: Model) -> list[str]:
    """Report bitmaps in the image that are not the policy's."""
    faults = []
    for domain in model.domains.values():
        wanted = {"msr_bitmap": make_msr_bitmap(domain)}
        if has_io_bitmap(domain):
            wanted["io_bitmap"] = make_io_bitmap(domain)
        for name, data in wanted.items():
            if read_symbol(elf, f"{domain.name}_{name}", len(data)) != data:
                faults.append(f"{domain.name}_{name} in the image is not the policy's")
            if is_writable(elf, f"{domain.name}_{name}"):
                faults.append(f"{domain.name}_{name} can be written, while CPUs use it")
    return faults


def check_offsets(elf: ELFFile, model: Model) -> list[str]:
    """Report members of structures that are not where the exit path has them, by the debugging information."""
    offsets = find_struct(elf, "registers")
    cpu = find_struct(elf, "cpu")
    counts = len(REGISTERS) * 8
    last = counts + exit_count(model.facts) * 8
    wanted = {"guest": 0, "exit_counts": counts, "last_exits": last, "last_index": last + 256}
    registers = {name: index * 8 for index, name in enumerate(REGISTERS)}
    faults = [f"registers.{name} is not at {at}" for name, at in registers.items() if offsets.get(name) != at]
    if any(domain.under for domain in model.domains.values()) and find_struct(elf, "vcpu_exits") != VCPU_EXITS:
        faults.append("struct vcpu_exits is not as the exit path has it")
    return faults + [f"cpu.{name} is not at {at}" for name, at in wanted.items() if cpu.get(name) != at]


def find_struct(elf: ELFFile, name: str) -> dict[str, int]:
    """Return offsets (bytes) of a C struct's members by name; empty where no unit defines it."""
    for unit in elf.get_dwarf_info().iter_CUs():
        for die in unit.get_top_DIE().iter_children():
            if die.tag == "DW_TAG_structure_type" and attribute(die, "DW_AT_name") == name and die.has_children:
                return {attribute(child, "DW_AT_name"): child.attributes["DW_AT_data_member_location"].value
                        for child in die.iter_children() if "DW_AT_data_member_location" in child.attributes}
    return {}


def attribute(die: DIE, name: str) -> str:
    """Return a DWARF attribute as text."""
    found = die.attributes.get(name)
    return found.value.decode() if found else ""


def check_multiboot(data: bytes) -> list[str]:
    """Report missing headers: loaders look in the first 8 KiB (Multiboot 1) and 32 KiB (Multiboot 2)."""
    limits = {"Multiboot": 8192, "Multiboot 2": 32768}
    return [f"no {name} header" for name, magic in MULTIBOOT.items() if magic not in data[: limits[name]]]


def list_largest(elf: ELFFile) -> str:
    """Return the sections, and the symbols that take most of what a loader puts into memory."""
    loaded = {at: one for at, one in enumerate(elf.iter_sections()) if one["sh_flags"] & ALLOCATED}
    kept = {at: one for at, one in loaded.items() if one["sh_type"] != "SHT_NOBITS"}
    sections = [(one["sh_size"], one.name) for one in kept.values()]
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    symbols = [(one["st_size"], one.name) for one in table.iter_symbols() if one["st_shndx"] in kept]
    return f"sections: {say_sizes(sections)}; the largest symbols: {say_sizes(symbols)}"


def say_sizes(sizes: Iterable[tuple[int, str]]) -> str:
    """Return the largest of some things with their bytes."""
    return ", ".join(f"{name} {size}" for size, name in nlargest(LARGEST, sizes))
