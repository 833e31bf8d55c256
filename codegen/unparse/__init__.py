"""Syntax to text, in the one layout: what is printed parses to the same syntax again. `//` comments are not syntax."""

from __future__ import annotations

from codegen import syntax
from codegen.unparse import choices, entry_checks, facts, tables
from codegen.unparse.layout import Lines, say_doc


def unparse(file: syntax.File) -> str:
    """A file's text, an empty line between declarations."""
    items = ["\n".join([*say_doc(item.doc), *say_declaration(item.declaration)]) for item in file.items]
    return "\n\n".join(items) + "\n" if items else ""


PRINTERS = {
    syntax.Manual: facts.say_manual,
    syntax.Vmcs: facts.say_vmcs,
    syntax.Controls: facts.say_controls,
    syntax.Capabilities: facts.say_capabilities,
    syntax.Layout: facts.say_layout,
    syntax.Exits: facts.say_exits,
    syntax.Checks: entry_checks.say_checks,
    syntax.State: tables.say_state,
    syntax.Msrs: tables.say_msrs,
    syntax.Cpuid: tables.say_cpuid,
    syntax.Vectors: tables.say_vectors,
    syntax.Ports: tables.say_ports,
    syntax.Errnos: tables.say_errnos,
    syntax.Forwards: tables.say_forwards,
    syntax.Const: choices.say_const,
    syntax.Struct: choices.say_struct,
    syntax.Extern: choices.say_extern,
    syntax.Region: choices.say_region,
    syntax.Hypercall: choices.say_hypercall,
    syntax.Domain: choices.say_domain,
}


def say_declaration(node: syntax.Declaration) -> Lines:
    """The lines of one declaration."""
    printer = PRINTERS[type(node)]
    lines: Lines = printer(node)  # type: ignore[operator]
    return lines


__all__ = ["unparse"]
