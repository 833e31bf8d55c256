"""Generated C expressions compared with the semantics of docs/language.md: random nestings of all operators."""

from __future__ import annotations

import ctypes
import random
import subprocess

import pytest

from codegen.emit.c import c_type, expression
from codegen.model import ir
from codegen.model.types import BOOL, U8, U16, U32, U64, Scalar, scalar_for
from tests.lib.support import ROOT

NUMBERS = (U8, U16, U32, U64)
LOCALS = {"a": U8, "b": U16, "c": U32, "d": U64}
COMPARE = ("==", "!=", "<", "<=", ">", ">=")
CASES = 600
Values = dict[str, int]


def draw(source: random.Random, type: Scalar, depth: int) -> ir.Expression:
    """Draw a well-typed expression, as the resolver could make it."""
    if type == BOOL:
        return draw_bool(source, depth)
    if depth == 0:
        return draw_leaf(source, type)
    match source.randrange(5):
        case 0:
            return ir.UnaryOperation(source.choice("-~"), draw(source, type, depth - 1), type)
        case 1:
            return ir.Cast(draw(source, source.choice(NUMBERS), depth - 1), type)
        case 2:
            shift = ir.Constant(source.randrange(type.bits), type)
            return ir.Operation(source.choice(("<<", ">>")), draw(source, type, depth - 1), shift, type)
        case 3:
            return draw_bits(source, type, depth)
    right = draw(source, type, depth - 1)
    operator = source.choice("+-*&|^/%")
    if operator in "/%":
        right = ir.Constant(source.randrange(1, 1 << type.bits), type)
    return ir.Operation(operator, draw(source, type, depth - 1), right, type)


def draw_bits(source: random.Random, type: Scalar, depth: int) -> ir.Expression:
    """Draw some bits of an expression, widened by a cast."""
    wide = source.choice(NUMBERS)
    low, high = sorted((source.randrange(wide.bits), source.randrange(wide.bits)))
    return ir.Cast(ir.Bits(draw(source, wide, depth - 1), low, high, scalar_for(high - low + 1)), type)


def draw_leaf(source: random.Random, type: Scalar) -> ir.Expression:
    """Draw a local of that type, or a constant: a small one, or one near the limits of int."""
    if source.random() < 0.6:
        return ir.Local(next(name for name, one in LOCALS.items() if one == type), type)
    value = source.choice((0, 1, 5, 0x7F, 0x80, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, (1 << 64) - 1))
    return ir.Constant(value & ((1 << type.bits) - 1), type)


def draw_bool(source: random.Random, depth: int) -> ir.Expression:
    if depth and source.random() < 0.3:
        operator = source.choice(("and", "or"))
        return ir.Operation(operator, draw_bool(source, depth - 1), draw_bool(source, depth - 1), BOOL)
    if depth and source.random() < 0.3:
        return ir.UnaryOperation("not", draw_bool(source, depth - 1), BOOL)
    type = source.choice(NUMBERS)
    left, right = (draw(source, type, max(depth - 1, 0)) for _ in range(2))
    return ir.Operation(source.choice(COMPARE), left, right, BOOL)


def evaluate(node: ir.Expression, values: Values) -> int:
    """Evaluate as docs/language.md defines it, truncated to the width of the type at every step."""
    assert isinstance(node.type, Scalar)
    return compute(node, values) & ((1 << node.type.bits) - 1)


def compute(node: ir.Expression, values: Values) -> int:
    match node:
        case ir.Constant(value):
            return value
        case ir.Local(name):
            return values[name]
        case ir.Cast(operand, type):
            return int(evaluate(operand, values) != 0) if type == BOOL else evaluate(operand, values)
        case ir.Bits(base, low, high):
            return evaluate(base, values) >> low & ((1 << (high - low + 1)) - 1)
        case ir.UnaryOperation(operator, operand):
            value = evaluate(operand, values)
            return {"-": -value, "~": ~value, "not": int(not value)}[operator]
        case ir.Operation(operator, left, right):
            return operate(operator, evaluate(left, values), evaluate(right, values))
    raise AssertionError(node)


def operate(operator: str, a: int, b: int) -> int:
    if operator in ("/", "%"):
        return a // b if operator == "/" else a % b
    if operator in ("<<", ">>"):
        return a << b if operator == "<<" else a >> b
    return {
        "+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b, "and": a and b, "or": a or b,
        "==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b,
    }[operator]  # fmt: skip


def draw_cases() -> list[ir.Expression]:
    source = random.Random(0)
    return [draw(source, source.choice((*NUMBERS, BOOL)), source.randrange(5)) for _ in range(CASES)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile a function for each expression; the sanitizer traps on undefined behavior."""
    folder = tmp_path_factory.mktemp("expressions")
    parameters = ", ".join(f"{type.name} {name}" for name, type in LOCALS.items())
    lines = ['#include "core/types.h"']
    for index, one in enumerate(draw_cases()):
        lines.append(f"u64 f{index}({parameters}) {{ {c_type(one.type)} x = {expression(one)}; return x; }}")
    (folder / "all.c").write_text("\n".join(lines) + "\n")
    checked = ["-fsanitize=shift-exponent", "-fsanitize-undefined-trap-on-error"]
    flags = ["-shared", "-fPIC", "-O1", "-w", *checked, "-I", str(ROOT / "runtime")]
    subprocess.run(["gcc", *flags, "-o", str(folder / "all.so"), str(folder / "all.c")], check=True)
    return ctypes.CDLL(str(folder / "all.so"))


def test_c_means_the_same(library: ctypes.CDLL) -> None:
    source = random.Random(1)
    for index, one in enumerate(draw_cases()):
        function = getattr(library, f"f{index}")
        function.restype = ctypes.c_uint64
        for _ in range(20):
            edges = (0, 1, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, (1 << 64) - 1, source.getrandbits(64))
            values = {name: source.choice(edges) & ((1 << type.bits) - 1) for name, type in LOCALS.items()}
            found = function(*(ctypes.c_uint64(value) for value in values.values()))
            assert found == evaluate(one, values), f"{expression(one)} with {values}"
