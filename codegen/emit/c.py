"""Types, numbers and expressions in C."""

from __future__ import annotations

from codegen.model import ir
from codegen.model.facts import StateField
from codegen.model.types import HandleType, StructType, Type

OPERATORS = {"and": "&&", "or": "||"}
GROWING = {"+", "-", "*", "<<", "~"}
C_UNARY = {"not": "!", "-": "-", "~": "~"}


def c_type(type: Type) -> str:
    """A type's name in C; a handle's has its star, and a space in front."""
    if isinstance(type, HandleType):
        return f"struct {type.name} *"
    return f"struct {type.name}" if isinstance(type, StructType) else type.name


def c_declare(type: Type, name: str) -> str:
    """A type and a name of it."""
    text = c_type(type)
    return f"{text}{name}" if text.endswith("*") else f"{text} {name}"


def c_number(value: int) -> str:
    """Small numbers in decimal, others in hexadecimal."""
    if value < 10:
        return str(value)
    return f"{value:#x}{'ull' if value >> 32 else ''}"


def expression(value: ir.Expression) -> str:
    """An expression in C."""
    match value:
        case ir.Constant(number, _, name):
            return c_constant(number, name)
        case ir.Local(name) | ir.PayloadRead(name):
            return name
        case ir.GuestRead(field):
            return read_state(field)
        case ir.VmcsRead(field):
            return f"vmread(VMCS_{field.name.upper()})"
        case ir.ControlRead(control):
            return f"granted({control.replace('.', ', ').upper()})"
        case ir.Bits():
            return c_bits(value)
        case ir.Cast(operand, type):
            return cast(operand, type)
        case ir.Field(base, name):
            return f"{expression(base)}.{name}"
        case ir.UnaryOperation():
            return unary(value)
        case ir.Operation():
            return operation(value)
        case ir.ExternCall(extern, arguments):
            given = ["cpu"] if extern.takes_cpu else []
            return f"{extern.name}({', '.join([*given, *map(expression, arguments)])})"
        case ir.PolicyCall(policy, arguments):
            return f"policy_{policy}({', '.join(['cpu', *map(expression, arguments)])})"
        case ir.MsrRead() | ir.FeatureRead() | ir.Predicate():
            raise AssertionError("only entry checks ask the processor")


def unary(value: ir.UnaryOperation) -> str:
    """C computes in int what is narrower, and takes a constant for an int: both are brought back to the type."""
    operand = truth(value.operand) if value.operator == "not" else parenthesize(value.operand)
    if isinstance(value.operand, ir.UnaryOperation):
        operand = f"({operand})"
    elif isinstance(value.operand, ir.Constant):
        operand = f"({c_type(value.type)}){operand}"
    return narrow(f"{C_UNARY[value.operator]}{operand}", value.operator, value.type)


def operation(value: ir.Operation) -> str:
    """Two sides; a constant that C would compute with as an int has its own type."""
    operator, left, right = value.operator, value.left, value.right
    if operator in OPERATORS:
        return f"{truth(left)} {OPERATORS[operator]} {truth(right)}"
    text = parenthesize(left)
    if isinstance(left, ir.Constant) and (operator == "<<" or isinstance(right, ir.Constant)):
        text = f"({c_type(left.type)}){text}"
    return narrow(f"{text} {operator} {parenthesize(right)}", operator, value.type)


def narrow(text: str, operator: str, type: Type) -> str:
    """What leaves the bits of a type that is narrower than int is cut off, as the language has it."""
    return f"({c_type(type)})({text})" if operator in GROWING and type.name in ("u8", "u16") else text


def is_wrapped(text: str) -> bool:
    """Whether one pair of parentheses goes around all of it."""
    depth = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return letter == ")" and index == len(text) - 1
    return False


def cast(operand: ir.Expression, type: Type) -> str:
    """A cast that changes nothing is left out."""
    text = expression(operand)
    if operand.type == type:
        return text
    if type.name == "bool":
        return f"({text} != 0)"
    return f"({c_type(type)})({text})" if " " in text and not is_wrapped(text) else f"({c_type(type)}){text}"


def c_constant(number: int, name: str) -> str:
    """Constants and MSRs keep their names; enumerators and errors too, in capitals."""
    return name.upper() if name and name.upper() == name else c_number(number)


def parenthesize(value: ir.Expression) -> str:
    """An operand in C, in parentheses where it needs them."""
    text = expression(value)
    plain = " " not in text or is_wrapped(text.removeprefix("!!"))
    return text if plain or not isinstance(value, ir.Operation | ir.Cast | ir.Bits) else f"({text})"


def truth(value: ir.Expression) -> str:
    """A truth where C asks for no more than zero or not: no `!!`."""
    return parenthesize(value).removeprefix("!!")


def c_bits(value: ir.Bits) -> str:
    """One bit is a truth, more are a number."""
    base = parenthesize(value.base)
    if isinstance(value.base, ir.Constant):
        base = f"({c_type(value.base.type)}){base}"
    width = value.high - value.low + 1
    if value.name:
        return named_bits(base, value.name, width, c_type(value.type))
    if width == 1:
        return f"({base} >> {value.low} & 1)" if value.low else f"({base} & 1)"
    shifted = f"({base} >> {value.low})" if value.low else base
    return f"({c_type(value.type)})({shifted} & {c_number((1 << width) - 1)})"


def named_bits(base: str, name: str, width: int, type: str) -> str:
    """A layout's bit by the constants that the headers have for it."""
    if width == 1:
        return f"!!({base} & {name})"
    return f"({type})(({base} & {name}_MASK) >> {name}_SHIFT)"


def read_state(field: StateField) -> str:
    """Guest state by VMREAD, or from the frame."""
    if field.field is not None:
        return f"vmread(VMCS_{field.field.upper()})"
    return f"cpu->guest.{field.name}"
