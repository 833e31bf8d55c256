"""Draw a handler's body as a flow diagram, its expressions and statements in the spec's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from codegen.book import svg
from codegen.model import ir
from codegen.model.cost import cost_of_expression, cost_of_statement
from codegen.model.facts import Layout

# ---- expressions and statements in the spec's words


def say(value: ir.Expression, inside: bool = False) -> str:
    """Return an expression; one with an operator is put in parentheses `inside` another."""
    match value:
        case ir.Constant(number, _, name):
            return name or (str(number) if number < 10 else f"{number:#x}")
        case ir.Local(name) | ir.PayloadRead(name):
            return name
        case ir.GuestRead(field):
            return f"guest.{field.name}"
        case ir.VmcsRead(field):
            return f"vmcs.{field.name}"
        case ir.ControlRead(control):
            return control
        case ir.Bits():
            return say_bits(value)
        case ir.Cast(operand):
            return say(operand, inside)
        case ir.Field(base, name):
            return f"{say(base, True)}.{name}"
    return say_compound(value, inside)


def say_compound(value: ir.Expression, inside: bool) -> str:
    match value:
        case ir.UnaryOperation(operator, operand):
            return f"{operator}{' ' if operator.isalpha() else ''}{say(operand, True)}"
        case ir.Operation(operator, left, right):
            words = f"{say(left, True)} {operator} {say(right, True)}"
            return f"({words})" if inside else words
        case ir.ExternCall(extern, arguments):
            return f"{extern.name}({say_list(arguments)})"
        case ir.PolicyCall(policy, arguments):
            return f"policy.{policy}({say_list(arguments)})"
        case ir.MsrRead(msr):
            return f"msr {msr}"
        case ir.FeatureRead(feature):
            return f"feature {feature.name}"
        case ir.Predicate(name, arguments):
            return f"{name}({say_list(arguments)})"
    raise AssertionError(type(value))


def say_list(values: tuple[ir.Expression, ...]) -> str:
    return ", ".join(say(one) for one in values)


def say_bits(value: ir.Bits) -> str:
    """Return bits by the name that their layout has for them, else by number."""
    return say(value.base, True) + say_part(ir.layout_of(value.base), value.low, value.high)


def say_range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}..{high}"


def say_statement(one: ir.Statement) -> str:
    """Return a statement that is neither a branch nor an end, without its semicolon."""
    match one:
        case ir.LetLocal(name, value):
            return f"let {name} = {say(value)}"
        case ir.GuestWrite(state, value, low, high):
            return f"guest.{state.name}{say_part(state.layout, low, high)} = {say(value)}"
        case ir.VmcsWrite(field, value, low, high):
            return f"vmcs.{field.name}{say_part(field.layout, low, high)} = {say(value)}"
        case ir.Evaluate(call):
            return say(call)
        case ir.LogLine(words, values):
            return f'log "{words}"' + "".join(f", {say(value)}" for value in values)
    return type(one).__name__


def say_part(layout: Layout | None, low: int | None, high: int | None) -> str:
    """Return which bits are meant, by the name that the layout has for them or by number; nothing for the whole."""
    if low is None or high is None:
        return ""
    names = [bit.name for bit in layout.bits if (bit.low, bit.high) == (low, high)] if layout else []
    return f".{names[0]}" if names else f"[{say_range(low, high)}]"


def say_end(end: ir.End) -> str:
    """Return an outcome in the spec's words."""
    match end.kind:
        case "advance_by":
            return f"advance by {say(end.value)}" if end.value else "advance"
        case "inject" if end.vector is not None:
            return f"inject {end.vector.name}" + (f"({say(end.value)})" if end.value else "")
        case "return" | "fail":
            return f"{end.kind} {say(end.value)}" if end.value else end.kind
        case "forward":
            return f"forward {say(end.value)}" if end.value else end.kind
        case "stop" | "reset":
            return f'{end.kind} "{end.text}"'
    return end.kind


# ---- the diagram: time runs downwards along a spine; the `then` of a condition stands to its right


LINE, PAD, SPINE, GAP, ASIDE = 17.0, 9.0, 24.0, 22.0, 52.0
KINDS = {
    "advance": "good",
    "advance_by": "good",
    "resume": "good",
    "return": "good",
    "forward": "good",
    "inject": "fault",
    "fail": "fault",
    "reset": "bad",
    "stop": "bad",
}


@dataclass(frozen=True)
class Open:
    """A path that continues: its point, the label at that point, and its cost so far, in instructions."""

    x: float
    y: float
    cost: int
    words: str = ""


@dataclass
class Drawing:
    """The pieces drawn so far, and their extent."""

    pieces: list[str] = field(default_factory=list)
    width: float = 0
    height: float = 0
    ends: list[tuple[str, int]] = field(default_factory=list)

    def add(self, x: float, y: float, width: float, height: float, *pieces: str) -> None:
        self.pieces += pieces
        self.width, self.height = max(self.width, x + width), max(self.height, y + height)


def draw_flow(start: str, statements: tuple[ir.Statement, ...], words: str) -> str:
    """Draw a body that begins at `start`."""
    drawing = Drawing()
    begin = box(drawing, 2, 2, [start], "start", 12)
    follow(drawing, statements, 2, begin.y + GAP, [begin])
    return svg.picture(drawing.width + 3, drawing.height + 3, "".join(drawing.pieces), words, "flow")


def find_ends(statements: tuple[ir.Statement, ...]) -> list[tuple[str, int]]:
    """Return each end of a body, and the most that the path to it costs, in instructions."""
    drawing = Drawing()
    follow(drawing, statements, 0, 0, [Open(0, 0, 0)])
    return drawing.ends


def find_bound(statements: tuple[ir.Statement, ...]) -> int:
    """Return the cost of the most expensive path, in instructions."""
    return max((cost for _, cost in find_ends(statements)), default=0)


def box(drawing: Drawing, x: float, y: float, lines: list[str], kind: str, radius: float = 4) -> Open:
    """Draw lines in a box; return the path that continues below it."""
    width = max(len(one) for one in lines) * svg.CHARACTER + 2 * PAD
    height = len(lines) * LINE + PAD
    texts = [svg.label(x + PAD, y + LINE * (row + 1) - 1, one) for row, one in enumerate(lines)]
    drawing.add(x, y, width, height, svg.rect(x, y, width, height, kind, radius=radius), *texts)
    return Open(x + SPINE, y + height, 0)


def arrive(drawing: Drawing, paths: list[Open], x: float, y: float) -> int:
    """Draw open paths to a point; return the cost of the most expensive of them."""
    for one in paths:
        points = (
            [(one.x, one.y), (x, y)] if one.x == x else [(one.x, one.y), (one.x, y - GAP / 2), (x, y - GAP / 2), (x, y)]
        )
        drawing.pieces.append(svg.path(points, "edge", arrow=True))
        if one.words:
            drawing.add(one.x, one.y, 30, 0, svg.label(one.x + 5, one.y + 14, one.words, "edge-name"))
    return max((one.cost for one in paths), default=0)


def follow(drawing: Drawing, statements: tuple[ir.Statement, ...], x: float, y: float, paths: list[Open]) -> list[Open]:
    """Draw statements from (x, y) downwards; return the paths that continue after them."""
    for kind, some in groupby(statements, lambda one: type(one) if isinstance(one, ir.Branch | ir.End) else None):
        group = list(some)
        if kind is None:
            paths = [draw_steps(drawing, group, x, y, paths)]
        else:
            for one in group:
                paths = draw_turn(drawing, one, x, y, paths)
                y = max([y, *(open.y for open in paths)]) + (GAP if paths else 0)
        y = max([y, *(open.y + GAP for open in paths)])
    return paths


def draw_steps(drawing: Drawing, steps: list[ir.Statement], x: float, y: float, paths: list[Open]) -> Open:
    """Draw statements that follow each other in one box."""
    cost = arrive(drawing, paths, x + SPINE, y) + sum(cost_of_statement(one) for one in steps)
    end = box(drawing, x, y, [say_statement(one) for one in steps], "step")
    return Open(end.x, end.y, cost)


def draw_turn(drawing: Drawing, one: ir.Statement, x: float, y: float, paths: list[Open]) -> list[Open]:
    if isinstance(one, ir.Branch):
        return draw_branch(drawing, one, x, y, paths)
    assert isinstance(one, ir.End)
    cost = arrive(drawing, paths, x + SPINE, y) + cost_of_statement(one)
    words = say_end(one)
    box(drawing, x, y, [words], KINDS.get(one.kind, "good"), 12)
    beside = x + len(words) * svg.CHARACTER + 2 * PAD + 6
    drawing.add(beside, y, 40, 0, svg.label(beside, y + LINE, f"\u2264 {cost}", "cost"))
    drawing.ends.append((say_end(one), cost))
    return []


def draw_branch(drawing: Drawing, one: ir.Branch, x: float, y: float, paths: list[Open]) -> list[Open]:
    """Draw a condition: `yes` to the right, `no` downwards, below everything that `yes` draws."""
    cost = arrive(drawing, paths, x + SPINE, y) + 2 + cost_of_expression(one.condition)
    words = say(one.condition)
    below = box(drawing, x, y, [words + " ?"], "question", 10)
    right = x + len(words + " ?") * svg.CHARACTER + 2 * PAD
    aside, middle = right + ASIDE, (y + below.y) / 2
    drawing.add(
        right,
        y,
        ASIDE,
        0,
        svg.path([(right, middle), (aside, middle)], "edge", arrow=True),
        svg.label(right + 8, middle - 4, "yes", "edge-name"),
    )
    part = Drawing()
    then = follow(part, one.then, aside, y, [Open(aside, y, cost)]) if one.then else [Open(aside, middle, cost)]
    part.pieces.pop(0) if one.then else None  # the way in is drawn already, from the side
    add_part(drawing, part)
    no = Open(below.x, below.y, cost, "no")
    down = max(below.y, part.height) + GAP
    if one.otherwise:
        return [*follow(drawing, one.otherwise, x, down, [no]), *then]
    return [Open(no.x, no.y, cost, "no"), *then]


def add_part(drawing: Drawing, part: Drawing) -> None:
    """Add a part to the whole."""
    drawing.add(0, 0, part.width, part.height, *part.pieces)
    drawing.ends += part.ends
