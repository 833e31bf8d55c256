"""The part of the MSR and I/O policies that is not in the bitmaps: a switch over what causes a VM exit."""

from __future__ import annotations

from codegen.emit.c import c_number
from codegen.emit.statements import INDENT, statements
from codegen.model.choices import Action, IoPolicy, MsrRule
from codegen.model.facts import Bitmap, Port

# What an access to a port does by itself: calls of root are recognized by their port and size.
NATIVE = ("pass", "hypercalls")


def case_lines(rules: tuple[MsrRule, ...], default: Action, direction: str, bitmap: Bitmap) -> list[str]:
    """Return `case` by `case`, in order of number, what differs from the default; rules of one action share lines."""
    groups: dict[int, list[MsrRule]] = {}
    for rule in rules:
        groups.setdefault(id(rule.action), []).append(rule)
    lines: list[str] = []
    for some in groups.values():
        exiting = [rule for rule in some if causes_exit(rule, direction, bitmap)]
        if exiting and action_lines(some[0].action, direction) != action_lines(default, direction):
            lines += [f"case {label(rule)}:" for rule in exiting]
            lines += [INDENT + line for line in action_lines(some[0].action, direction)]
    return lines


def causes_exit(rule: MsrRule, direction: str, bitmap: Bitmap) -> bool:
    """Return whether any of these MSRs causes a VM exit: `pass` avoids it only where the bitmap reaches. SDM: 25.6.9"""
    return rule.action.kind != "pass" or not bitmap.covers(direction, rule.first, rule.last)


def label(rule: MsrRule) -> str:
    """Return a single MSR by its name, a range by its numbers and how many more there are."""
    if rule.first == rule.last:
        return rule.name
    return f"{rule.first:#x} ... {rule.last:#x} /* {rule.name} and {rule.last - rule.first} more */"


def action_lines(action: Action, direction: str) -> list[str]:
    """Return the statements before an action, and the action."""
    lines = kind_lines(action, direction)
    if not action.before:
        return lines
    return ["{", *(INDENT + line for line in [*statements(action.before, 0), *unwrap(lines)]), "}"]


def kind_lines(action: Action, direction: str) -> list[str]:
    """Return the lines of an action by its kind."""
    match action.kind:
        case "do" | "forward":
            assert action.body is not None
            body = [line.removeprefix(INDENT) for line in statements(action.body.statements)]
            return ["{", *(INDENT + line for line in body), "}"]
        case "inject":
            assert action.vector is not None
            return [inject_line(action), "return;"]
        case "value" if direction == "read":
            return [f"guest_msr_answer(cpu, {c_number(action.value)});", "return;"]
        case "value":
            return ["guest_advance(cpu);", "return;"]
        case _:
            return [f"guest_msr_{direction}_try(cpu, msr{', value' if direction == 'write' else ''});", "return;"]


def inject_line(action: Action) -> str:
    """Return the call that injects."""
    assert action.vector is not None
    vector = f"VECTOR_{action.vector.name.upper()}"
    if "error_code" in action.vector.traits:
        return f"guest_inject_error(cpu, {vector}, 0);"
    return f"guest_inject(cpu, {vector});"


def io_lines(policy: IoPolicy) -> list[str]:
    """Return a `case` for each trapped port: its body by direction, else the access as it is."""
    lines: list[str] = []
    for rule in policy.rules:
        if rule.write.kind == "hypercalls":
            continue
        lines.append(label_port(rule.port))
        lines += [INDENT + line for line in direction_lines("input", rule.read)]
        lines += [INDENT + line for line in direction_lines("!input", rule.write)]
        lines.append(INDENT + "break;")
    return lines


def number_rules(policy: IoPolicy) -> dict[str, object]:
    """Return a `case` for each port whose rule does something, with its number; those that only inject are last."""
    ruled = [
        (rule, action, test) for rule in policy.rules
        for action, test in ((rule.read, "input"), (rule.write, "!input")) if action.kind not in NATIVE
    ]
    ruled.sort(key=lambda one: one[1].kind == "inject")
    numbers: dict[tuple[int, bool], int] = {}
    cases: dict[str, dict[str, int]] = {}
    for rule, action, test in ruled:
        number = numbers.setdefault((rule.port.first, action.kind == "inject"), len(numbers) + 1)
        cases.setdefault(label_port(rule.port), {})[test] = number
    lines = [line for label, found in cases.items() for line in (label, INDENT + say_number(found))]
    refused = sum(not inject for _, inject in numbers) + 1
    return {"io_rules": lines, "io_refused": refused}


def say_number(found: dict[str, int]) -> str:
    """Return the number of a port's rule, by direction where the directions differ."""
    read, write = found.get("input", 0), found.get("!input", 0)
    return f"return {read};" if read == write else f"return input ? {read} : {write};"


def label_port(port: Port) -> str:
    """Return the label of a port or a range, with its name."""
    number = f"{port.first:#x}" if port.first == port.last else f"{port.first:#x} ... {port.last:#x}"
    return f"case {number}: /* {port.name} */"


def default_lines(policy: IoPolicy) -> list[str]:
    """Return what a domain does that forwards every port."""
    read, write = (unwrap(action_lines(one, "read")) for one in (policy.default_read, policy.default_write))
    if read == write:
        return ["(void)input;", *read]
    return ["if (input) {", *(INDENT + line for line in read), "}", *write]


def port_lines(policy: IoPolicy) -> list[str]:
    """Return what an instrumented build counts at the port of root's calls."""
    lines: list[str] = []
    for rule in policy.rules:
        if rule.write.kind == "hypercalls":
            lines += direction_lines("input", rule.read) + direction_lines("!input", rule.write)
    return lines


def direction_lines(test: str, action: Action) -> list[str]:
    """Return what happens in one direction of a port."""
    if action.kind in NATIVE and not action.before:
        return []
    if action.kind in NATIVE:
        return [f"if ({test}) {{", *statements(action.before), "}"]
    return [f"if ({test}) {{", *(INDENT + line for line in unwrap(action_lines(action, "read"))), "}"]


def unwrap(lines: list[str]) -> list[str]:
    """Remove a body's braces, which are not needed inside others."""
    return [line.removeprefix(INDENT) for line in lines[1:-1]] if lines[:1] == ["{"] else lines
