"""Constants, structs, externs, regions and hypercalls: nodes, builder, printer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codegen.language.bodies import Block, say_block
from codegen.language.expressions import Expr, say_expression
from codegen.language.parts import Children, Part, keeps, makes, makes_list, makes_named_list, part, pick, pick_all
from codegen.language.words import Builder, Lines, Number, braces
from codegen.source import Name, Span


@dataclass(frozen=True)
class Const:
    """A named number."""

    name: Name
    type: Name
    value: Expr


@dataclass(frozen=True)
class Parameter:
    """A name and its type."""

    name: Name
    type: Name


@dataclass(frozen=True)
class Struct:
    """A struct that externs return."""

    name: Name
    fields: tuple[Parameter, ...]


@dataclass(frozen=True)
class Extern:
    """A C function that bodies may call."""

    name: Name
    parameters: tuple[Parameter, ...]
    returns: Name | None
    cost: Number | None


@dataclass(frozen=True)
class Region:
    """`kind`: "runtime" (placed at boot), "all", or "at" with expressions for base and size."""

    name: Name
    kind: str
    base: Expr | None
    size: Expr | None


@dataclass(frozen=True)
class HostValue:
    """`how`: `=` for the whole register; includes or excludes for bits of it."""

    name: Name
    how: str
    value: Expr


@dataclass(frozen=True)
class Host:
    """What registers hold in root mode."""

    values: tuple[HostValue, ...]
    span: Span


@dataclass(frozen=True)
class Hypercall:
    """A call from the guest: number, signature, callers, errors, body (None: the function of that name answers)."""

    number: Number
    name: Name
    parameters: tuple[Parameter, ...]
    returns: Name | None
    callers: tuple[Name, ...]
    errors: tuple[Name, ...]
    body: Block | None


@dataclass(frozen=True)
class Define:
    """Statements that several bodies share, with the values that they are about."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: Block


class ChoiceBuilder(Builder):
    """Build these declarations."""

    const = makes(Const)
    struct = makes_named_list(Struct)
    parameter = makes(Parameter)
    returns = keeps("returns")
    extern_cost = keeps("cost")

    def parameter_line(self, children: Children) -> Parameter:
        """Return a struct's field: the parameter before the semicolon."""
        parameter: Parameter = children[0]
        return parameter

    def extern(self, children: Children) -> Extern:
        """Build an extern: a name, parameters, a result and a cost."""
        parameters = pick_all(children, Parameter)
        return Extern(children[0], parameters, part(children, "returns"), part(children, "cost"))

    def region(self, children: Children) -> Region:
        """Build `runtime`, `all`, or `at BASE size SIZE`."""
        base, size = part(children, "at") or (None, None)
        kind = "at" if base is not None else str(children[1])
        return Region(children[0], kind, base, size)

    def region_at(self, children: Children) -> Part:
        """Build base and size."""
        return Part("at", (children[0], children[1]))

    host = makes_list(Host)

    def host_value(self, children: Children) -> HostValue:
        """Build `NAME = VALUE`."""
        return HostValue(children[0], "=", children[1])

    def host_bits(self, children: Children) -> HostValue:
        """Build `NAME includes BITS`, or excludes."""
        return HostValue(children[0], str(children[1]), children[2])

    def hypercall(self, children: Children) -> Hypercall:
        """Build a number, a signature, the callers, the errors and a body."""
        return Hypercall(
            children[0], children[1], pick_all(children, Parameter), part(children, "returns"),
            pick(children, tuple), part(children, "errors") or (), pick(children, Block),
        )

    failures = keeps("errors")

    def define(self, children: Children) -> Define:
        """Build a name, parameters and statements."""
        return Define(children[0], pick_all(children, Parameter), pick(children, Block))


def say_parameters(parameters: Iterable[Parameter]) -> str:
    """Print `a : u32, b : u64`."""
    return ", ".join(f"{one.name.text} : {one.type.text}" for one in parameters)


def say_const(node: Const) -> Lines:
    """Print a named number."""
    return [f"const {node.name.text} : {node.type.text} = {say_expression(node.value)};"]


def say_struct(node: Struct) -> Lines:
    """Print a struct."""
    return braces(f"struct {node.name.text}", [f"{one.name.text} : {one.type.text};" for one in node.fields])


def say_extern(node: Extern) -> Lines:
    """Print a C function."""
    text = f"extern {node.name.text}({say_parameters(node.parameters)})"
    text += f" -> {node.returns.text}" if node.returns else ""
    return [text + (f" cost {node.cost.text};" if node.cost else ";")]


def say_region(node: Region) -> Lines:
    """Print a region of physical memory."""
    if node.base and node.size:
        return [f"region {node.name.text} at {say_expression(node.base)} size {say_expression(node.size)};"]
    return [f"region {node.name.text} {node.kind};"]


def say_host(node: Host) -> Lines:
    """Print host state."""
    return braces("host", [f"{one.name.text} {one.how} {say_expression(one.value)};" for one in node.values])


def say_hypercall(node: Hypercall) -> Lines:
    """Print a hypercall and its body."""
    head = f"hypercall {node.number.text} {node.name.text}({say_parameters(node.parameters)})"
    head += f" -> {node.returns.text}" if node.returns else ""
    head += f" from {', '.join(one.text for one in node.callers)}"
    head += f" errors {', '.join(one.text for one in node.errors)}" if node.errors else ""
    return say_block(head, node.body) if node.body else [f"{head};"]


def say_define(node: Define) -> Lines:
    """Print shared statements."""
    return say_block(f"define {node.name.text}({say_parameters(node.parameters)})", node.body)
