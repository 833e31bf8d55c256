"""The one printer of expressions to C, and types and numbers. A subclass reads values in another way."""

from __future__ import annotations

from codegen.emit.state import read_state
from codegen.model import ir
from codegen.model.facts import VmcsField
from codegen.model.types import HandleType, Scalar, StructType, Type

OPERATORS = {"and": "&&", "or": "||"}
GROWING = {"+", "-", "*", "<<", "~"}
C_UNARY = {"not": "!", "-": "-", "~": "~"}


def c_type(type: Type) -> str:
    """Return a type's name in C; a handle's has its star, and a space before it."""
    if isinstance(type, HandleType):
        return f"struct {type.name} *"
    return f"struct {type.name}" if isinstance(type, StructType) else type.name


def c_declare(type: Type, name: str) -> str:
    """Return a declaration: a type and a name."""
    text = c_type(type)
    return f"{text}{name}" if text.endswith("*") else f"{text} {name}"


def c_number(value: int) -> str:
    """Return small numbers in decimal, others in hexadecimal."""
    if value < 10:
        return str(value)
    return f"{value:#x}{'ull' if value >> 32 else ''}"


def is_wrapped(text: str) -> bool:
    """Return whether one pair of parentheses encloses all of the text."""
    depth = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return letter == ")" and index == len(text) - 1
    return False


class ExpressionPrinter:
    """Print expressions as bodies have them. C computes in int what is narrower than `computed` bits."""

    computed = 32

    def text(self, value: ir.Expression) -> str:
        """Return an expression in C."""
        match value:
            case ir.Constant():
                return self.constant(value)
            case ir.Local(name) | ir.PayloadRead(name):
                return name
            case ir.GuestRead(field):
                return read_state(field)
            case ir.VmcsRead(field):
                return self.vmcs(field)
            case ir.ControlRead(control):
                return f"granted({control.replace('.', ', ').upper()})"
            case ir.Bits():
                return self.bits(value)
            case ir.Cast():
                return self.cast(value)
            case ir.Field(base, name):
                return f"{self.text(base)}.{name}"
            case ir.UnaryOperation():
                return self.unary(value)
            case ir.Operation():
                return self.operation(value)
            case ir.ExternCall(extern, arguments):
                return self.call(extern.name, arguments, extern.takes_cpu)
            case ir.PolicyCall(policy, arguments):
                return self.call(f"policy_{policy}", arguments, True)
            case ir.MsrRead() | ir.FeatureRead() | ir.Predicate():
                return self.processor(value)

    def constant(self, value: ir.Constant) -> str:
        """Return the name of a constant, an MSR, an enumerator or an error, in capitals; of others the number."""
        return value.name.upper() if value.name and value.name.upper() == value.name else c_number(value.value)

    def vmcs(self, field: VmcsField) -> str:
        """Return how a VMCS field is read."""
        return f"vmread(VMCS_{field.name.upper()})"

    def processor(self, value: ir.MsrRead | ir.FeatureRead | ir.Predicate) -> str:
        """Return how the processor is asked, which entry checks alone do."""
        raise AssertionError("only entry checks ask the processor")

    def call(self, name: str, arguments: tuple[ir.Expression, ...], takes_cpu: bool) -> str:
        """Return a call, with the CPU before its arguments where the function takes one."""
        return f"{name}({', '.join([*(['cpu'] if takes_cpu else []), *map(self.text, arguments)])})"

    def unary(self, value: ir.UnaryOperation) -> str:
        """Return an operator and its operand; a constant, which C takes for an int, gets its type."""
        operand = self.truth(value.operand) if value.operator == "not" else self.operand(value.operand)
        if isinstance(value.operand, ir.UnaryOperation):
            operand = f"({operand})"
        elif isinstance(value.operand, ir.Constant):
            operand = f"({c_type(value.type)}){operand}"
        return self.narrow(f"{C_UNARY[value.operator]}{operand}", value.operator, value.type)

    def operation(self, value: ir.Operation) -> str:
        """Return two sides and the operator; a constant that C would compute with as an int gets its type."""
        operator, left, right = value.operator, value.left, value.right
        if operator in OPERATORS:
            return f"{self.truth(left)} {OPERATORS[operator]} {self.truth(right)}"
        text = self.operand(left)
        if isinstance(left, ir.Constant) and (operator == "<<" or isinstance(right, ir.Constant)):
            text = f"({c_type(left.type)}){text}"
        return self.narrow(f"{text} {operator} {self.operand(right)}", operator, value.type)

    def narrow(self, text: str, operator: str, type: Type) -> str:
        """Cut off what may exceed a type that is narrower than what C computes in."""
        grows = operator in GROWING and isinstance(type, Scalar) and 1 < type.bits < self.computed
        return f"({c_type(type)})({text})" if grows else text

    def cast(self, value: ir.Cast) -> str:
        """Return a cast, or its operand where it changes nothing."""
        text = self.text(value.operand)
        if value.operand.type == value.type:
            return text
        if value.type.name == "bool":
            return f"({text} != 0)"
        return f"({c_type(value.type)})" + (f"({text})" if " " in text and not is_wrapped(text) else text)

    def bits(self, value: ir.Bits) -> str:
        """Return a truth for one bit and a number for more, by the constants of the layout where it has them."""
        base, width, type = self.operand(value.base), value.high - value.low + 1, c_type(value.type)
        if isinstance(value.base, ir.Constant):
            base = f"({c_type(value.base.type)}){base}"
        if value.name:
            one = f"!!({base} & {value.name})"
            return one if width == 1 else f"({type})(({base} & {value.name}_MASK) >> {value.name}_SHIFT)"
        if width == 1:
            return f"({base} >> {value.low} & 1)" if value.low else f"({base} & 1)"
        shifted = f"({base} >> {value.low})" if value.low else base
        return f"({type})({shifted} & {c_number((1 << width) - 1)})"

    def operand(self, value: ir.Expression) -> str:
        """Return an operand, in parentheses where it needs them."""
        text = self.text(value)
        plain = " " not in text or is_wrapped(text.removeprefix("!!"))
        return text if plain or not isinstance(value, ir.Operation | ir.Cast | ir.Bits) else f"({text})"

    def truth(self, value: ir.Expression) -> str:
        """Return an operand where C asks only whether it is zero: without `!!`."""
        return self.operand(value).removeprefix("!!")


PRINTER = ExpressionPrinter()
expression, truth = PRINTER.text, PRINTER.truth
