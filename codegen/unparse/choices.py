"""Choices to text: declarations, domains and their tables."""

from __future__ import annotations

from codegen import syntax
from codegen.unparse.bodies import say_block
from codegen.unparse.expressions import say_expression
from codegen.unparse.layout import Lines, braces, say_doc, say_names, say_parameters


def say_const(node: syntax.Const) -> Lines:
    """A named number."""
    return [f"const {node.name.text} : {node.type.text} = {say_expression(node.value)};"]


def say_struct(node: syntax.Struct) -> Lines:
    """A struct."""
    return braces(f"struct {node.name.text}", [f"{one.name.text} : {one.type.text};" for one in node.fields])


def say_extern(node: syntax.Extern) -> Lines:
    """A C function."""
    text = f"extern {node.name.text}({say_parameters(node.parameters)})"
    text += f" -> {node.returns.text}" if node.returns else ""
    return [text + (f" cost {node.cost.text};" if node.cost else ";")]


def say_region(node: syntax.Region) -> Lines:
    """A region of physical memory."""
    if node.base and node.size:
        return [f"region {node.name.text} at {say_expression(node.base)} size {say_expression(node.size)};"]
    return [f"region {node.name.text} {node.kind};"]


def say_hypercall(node: syntax.Hypercall) -> Lines:
    """A hypercall and its body."""
    head = f"hypercall {node.number.text} {node.name.text}({say_parameters(node.parameters)})"
    head += f" -> {node.returns.text}" if node.returns else ""
    head += f" from {', '.join(one.text for one in node.callers)}"
    head += f" errors {', '.join(one.text for one in node.errors)}" if node.errors else ""
    return say_block(head, node.body)


def say_domain(node: syntax.Domain) -> Lines:
    """A domain, clause by clause."""
    head = f"domain {node.name.text}" + (f" under {node.under.text}" if node.under else "")
    return braces(head, [line for clause in node.clauses for line in say_clause(clause)])


def say_clause(node: syntax.Clause) -> Lines:
    """One clause."""
    match node:
        case syntax.Native(events):
            return say_names("native", events)
        case syntax.Trap(events):
            return say_names("trap", events)
        case syntax.ForBackend(backend, clauses):
            return braces(f"for {backend.text}", [line for one in clauses for line in say_backend(one)])
        case syntax.DomainCpuid():
            return say_domain_cpuid(node)
        case syntax.DomainMsr(rules):
            return braces("msr", [line for rule in rules for line in say_access_rule(rule)])
        case syntax.DomainIo(rules):
            return braces("io", [line for rule in rules for line in say_access_rule(rule)])
        case syntax.DomainExceptions(rules):
            return braces("exceptions", [say_exception(rule) for rule in rules])
        case syntax.DomainSwitch(rules):
            return braces("switch", [say_switch(rule) for rule in rules])
        case syntax.DomainReset(values):
            return braces("reset", [f"{name.text} = {say_expression(value)};" for name, value in values])
        case syntax.DomainMemory(rules):
            return braces("memory", [say_memory(rule) for rule in rules])
        case syntax.Handler():
            return say_handler(node)


def say_backend(node: syntax.Set | syntax.Require | syntax.Own) -> Lines:
    """Controls, capabilities and owned bits."""
    match node:
        case syntax.Set(word, settings):
            return braces(f"set {word.text}", [f"{one.control.text} = {one.value.text};" for one in settings])
        case syntax.Require(optional, table, bits):
            return braces(f"{'prefer' if optional else 'require'} {table.text}", [f"{one.text};" for one in bits])
        case syntax.Own(register, bits):
            return braces(f"own {register.text}", [say_own_bit(one) for one in bits])


def say_own_bit(node: syntax.OwnBit) -> str:
    """A bit, and off where it is kept so."""
    return f"{node.name.text} = {node.held.text};" if node.held else f"{node.name.text};"


def say_switch(node: syntax.SwitchRule) -> str:
    """MSRs, behind how they are switched."""
    names = ", ".join(one.text for one in node.msrs)
    return f"{node.how} {names};" if node.how else f"{names};"


def say_domain_cpuid(node: syntax.DomainCpuid) -> Lines:
    """Rules, then leaves."""
    rules = [line for rule in node.rules for line in say_names(rule.how, rule.names)]
    return braces("cpuid", [*rules, *(line for leaf in node.leaves for line in say_leaf(leaf))])


def say_leaf(node: syntax.CpuidLeaf) -> Lines:
    """A leaf of our own."""
    items = [f"{name.text} = {say_expression(value)};" for name, value in node.registers]
    items += [f'name "{node.text.value}";'] if node.text else []
    return braces(f"leaf {node.leaf.text}", items)


def say_selector(node: syntax.Selector) -> str:
    """Which registers or ports."""
    names = [name.text for name in node.names]
    match node.kind:
        case "class":
            return f"class {names[0]}"
        case "range":
            return f"{names[0]} .. {names[1]}"
    return names[0] if names else node.kind


def say_access_rule(node: syntax.AccessRule) -> Lines:
    """A rule: its bodies go over several lines."""
    lines = [say_selector(node.selector)]
    for index, access in enumerate(node.accesses):
        more = say_access(access)
        joint = " " if index == 0 else ", "
        lines = [*lines[:-1], f"{lines[-1]}{joint}{more[0]}", *more[1:]]
    return [*say_doc(node.doc), *lines[:-1], f"{lines[-1]};"]


def say_access(node: syntax.Access) -> Lines:
    """A direction and its action."""
    lines = say_action(node.action)
    return [f"{node.direction} {lines[0]}", *lines[1:]] if node.direction else lines


def say_action(node: syntax.Action) -> Lines:
    """What happens to an access."""
    if node.body:
        return say_block("do", node.body)
    if node.vector:
        return [f"inject {node.vector.text}"]
    if node.forward:
        return [f"forward {node.forward.text}"]
    return [say_expression(node.value) if node.value else node.kind]


def say_exception(node: syntax.ExceptionRule) -> str:
    """A vector, or the default."""
    if node.how == "switched":
        return "switched;"
    return f"{node.vector.text if node.vector else 'default'} {node.how};"


def say_memory(node: syntax.MemoryRule) -> str:
    """What a region shows."""
    region = node.region.text
    if node.rights and node.types:
        return f"map {region} identity {node.rights.text}, type from {node.types.text}, largest pages;"
    if node.fill:
        return f"hide {region} as {node.fill.text};"
    return f"alias {region} onto {say_expression(node.onto)};" if node.onto else f"watch {region};"


def say_handler(node: syntax.Handler) -> Lines:
    """An event and its body."""
    head = f"on {node.event.text}" + (f"({node.binder.text})" if node.binder else "")
    head += f" budget {node.budget.text}" if node.budget else ""
    return [*say_doc(node.doc), *say_block(head, node.body)]
