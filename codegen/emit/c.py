"""The one printer of expressions to C, and types and numbers. A subclass reads values in another way."""

from __future__ import annotations

from codegen.model import ir
from codegen.model.facts import StateField, VmcsField
from codegen.model.types import HandleType, Scalar, StructType, Type

OPERATORS = {"and": "&&", "or": "||"}
LEVELS = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, "<=": 7, ">": 7, ">=": 7, "<<": 8, ">>": 8,
    "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}
UNARY, PRIMARY = 11, 12
# Inside these C needs no parentheses around tighter operators, and gcc asks for none.
PLAIN_INSIDE: dict[str, range] = {
    **dict.fromkeys(("||", "&&"), range(3, 11)),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), range(8, 11)),
    **dict.fromkeys(("+", "-"), range(10, 11)),
}
CHAINED = ("||", "&&", "|", "&", "+", "*")
GROWING = {"+", "-", "*", "<<", "~"}
WIDE = 64
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


def read_state(field: StateField) -> str:
    """Return C that reads a field: by its accessor, or from the registers that the exit has saved."""
    return f"guest_{field.name}()" if field.field is not None else f"cpu->guest.{field.name}"


def write_state(field: StateField, value: str) -> str:
    """Return C that writes a field."""
    return f"set_guest_{field.name}({value});" if field.field is not None else f"cpu->guest.{field.name} = {value};"


def read_field(field: VmcsField) -> str:
    """Return C that reads a field of the current VMCS or VMCB."""
    return f"vmread({field.constant})" if field.kind == "vmcs" else f"vmcb()->{field.name}"


def write_field(field: VmcsField, value: str) -> str:
    """Return C that writes a field of the current VMCS or VMCB."""
    return f"vmwrite({field.constant}, {value});" if field.kind == "vmcs" else f"vmcb()->{field.name} = {value};"


Shown = tuple[str, int]  # a text, and how tightly its outermost operator binds


class ExpressionPrinter:
    """Print expressions as bodies have them. C computes in int what is narrower than `computed` bits."""

    computed = 32

    def text(self, value: ir.Expression) -> str:
        """Return an expression in C."""
        return self.show(value)[0]

    def truth(self, value: ir.Expression) -> str:
        """Return an expression in C where only its being zero counts."""
        return self.show_truth(value)[0]

    def show(self, value: ir.Expression) -> Shown:
        """Return an expression in C, and how tightly it binds."""
        match value:
            case ir.UnaryOperation():
                return self.unary(value)
            case ir.Operation():
                return self.operation(value)
            case ir.Cast():
                return self.cast(value)
            case ir.Bits():
                return self.bits(value)
        return self.primary(value), PRIMARY

    def show_truth(self, value: ir.Expression) -> Shown:
        """Return an expression as `show` does; one named bit without `!!`."""
        text, level = self.show(value)
        bit = value.operand if isinstance(value, ir.Cast) and value.operand.type == value.type else value
        if isinstance(bit, ir.Bits) and text.startswith("!!("):
            return text[3:-1], LEVELS["&"]
        return text, level

    def primary(self, value: ir.Expression) -> str:
        """Return what needs no parentheses anywhere."""
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
            case ir.Field(base, name):
                return f"{self.inside(self.show(base), '.')}.{name}"
            case ir.ExternCall(extern, arguments):
                return self.call(extern.name, arguments, extern.takes_cpu)
            case ir.PolicyCall(policy, arguments):
                return self.call(f"policy_{policy}", arguments, True)
            case ir.MsrRead() | ir.FeatureRead() | ir.Predicate():
                return self.processor(value)
        raise AssertionError(f"no expression: {value}")

    def inside(self, shown: Shown, operator: str) -> str:
        """Return an operand of an operator, in parentheses where it needs them."""
        text, level = shown
        chained = operator in CHAINED and level == LEVELS[operator]
        plain = level >= UNARY or chained or level in PLAIN_INSIDE.get(operator, ())
        return text if plain else f"({text})"

    def constant(self, value: ir.Constant) -> str:
        """Return the name of a constant, an MSR, an enumerator or an error, in capitals; of others the number."""
        return value.name.upper() if value.name and value.name.upper() == value.name else c_number(value.value)

    def vmcs(self, field: VmcsField) -> str:
        """Return how a VMCS field is read."""
        return read_field(field)

    def processor(self, value: ir.MsrRead | ir.FeatureRead | ir.Predicate) -> str:
        """Return how the processor is asked, which entry checks alone do."""
        raise AssertionError("only entry checks ask the processor")

    def call(self, name: str, arguments: tuple[ir.Expression, ...], takes_cpu: bool) -> str:
        """Return a call, with the CPU before its arguments where the function takes one."""
        return f"{name}({', '.join([*(['cpu'] if takes_cpu else []), *map(self.text, arguments)])})"

    def unary(self, value: ir.UnaryOperation) -> Shown:
        """Return an operator and its operand; a constant, which C takes for an int, gets its type."""
        if value.operator == "not":
            return f"!{self.inside(self.show_truth(value.operand), '!')}", UNARY
        operand = self.inside(self.show(value.operand), "~")
        if isinstance(value.operand, ir.UnaryOperation):
            operand = f"({operand})"
        elif isinstance(value.operand, ir.Constant):
            operand = f"({c_type(value.type)}){operand}"
        return self.narrow((f"{C_UNARY[value.operator]}{operand}", UNARY), value, value.operand)

    def operation(self, value: ir.Operation) -> Shown:
        """Return two sides and the operator; a constant that C would compute with as an int gets its type."""
        operator, left, right = value.operator, value.left, value.right
        if operator in OPERATORS:
            sign = OPERATORS[operator]
            sides = (self.inside(self.show_truth(one), sign) for one in (left, right))
            return f" {sign} ".join(sides), LEVELS[sign]
        text = self.inside(self.show(left), operator)
        if isinstance(left, ir.Constant) and (operator == "<<" or isinstance(right, ir.Constant)):
            text = f"({c_type(left.type)}){text}"
        shown = self.show(right)
        right_text = f"({shown[0]})" if shown[1] == LEVELS[operator] else self.inside(shown, operator)
        return self.narrow((f"{text} {operator} {right_text}", LEVELS[operator]), value, left, right)

    def narrow(self, shown: Shown, value: ir.UnaryOperation | ir.Operation, *operands: ir.Expression) -> Shown:
        """Cut off what may exceed a type that is narrower than what C computes in."""
        computed = WIDE if any(map(is_wide, operands)) else self.computed
        grows = value.operator in GROWING and isinstance(value.type, Scalar) and 1 < value.type.bits < computed
        return (f"({c_type(value.type)})({shown[0]})", UNARY) if grows else shown

    def cast(self, value: ir.Cast) -> Shown:
        """Return a cast, or its operand where it changes nothing."""
        if value.operand.type == value.type:
            return self.show(value.operand)
        if value.type.name == "bool":
            return f"{self.inside(self.show(value.operand), '!=')} != 0", LEVELS["!="]
        return f"({c_type(value.type)}){self.inside(self.show(value.operand), '~')}", UNARY

    def bits(self, value: ir.Bits) -> Shown:
        """Return a truth for one bit and a number for more, by the constants of the layout where it has them."""
        base = self.show(value.base)
        if isinstance(value.base, ir.Constant):
            base = f"({c_type(value.base.type)}){base[0]}", UNARY
        if value.name and value.low == value.high:
            return f"!!({self.inside(base, '&')} & {value.name})", UNARY
        if value.name:
            return f"extract({value.name}, {base[0]})", PRIMARY
        return self.bare_bits(base, value)

    def bare_bits(self, base: Shown, value: ir.Bits) -> Shown:
        """Return bits that have no name: as a cast or a shift where that is all, else by number."""
        if value.low == value.high:
            return f"bit({base[0]}, {value.low})", PRIMARY
        if value.low == 0 and value.high + 1 in (8, 16, 32):
            return f"({c_type(value.type)}){self.inside(base, '~')}", UNARY
        if isinstance(value.base.type, Scalar) and value.high + 1 == value.base.type.bits:
            return f"{self.inside(base, '>>')} >> {value.low}", LEVELS[">>"]
        return f"bits({base[0]}, {value.low}, {value.high})", PRIMARY


def is_wide(value: ir.Expression) -> bool:
    """Return whether C has more bits for a value than its type."""
    if not isinstance(value, ir.Bits) or value.low == value.high:
        return False
    return isinstance(value.type, Scalar) and value.type.bits < WIDE


PRINTER = ExpressionPrinter()
expression, truth = PRINTER.text, PRINTER.truth
