"""Draw a handler's body as a flow diagram, its expressions and statements in the spec's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from codegen.book import svg
from codegen.language.bodies import say_statement
from codegen.language.expressions import say_expression
from codegen.model import ir
from codegen.model.cost import cost_of_expression, cost_of_statement
from codegen.resolve.lift import lift_expression, lift_statement


def say_step(one: ir.Statement) -> str:
    """Return a statement that is no branch as the spec has it, without its semicolon."""
    return say_statement(lift_statement(one))[0].removesuffix(";")


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
    end = box(drawing, x, y, [say_step(one) for one in steps], "step")
    return Open(end.x, end.y, cost)


def draw_turn(drawing: Drawing, one: ir.Statement, x: float, y: float, paths: list[Open]) -> list[Open]:
    if isinstance(one, ir.Branch):
        return draw_branch(drawing, one, x, y, paths)
    assert isinstance(one, ir.End)
    cost = arrive(drawing, paths, x + SPINE, y) + cost_of_statement(one)
    words = say_step(one)
    box(drawing, x, y, [words], KINDS.get(one.kind, "good"), 12)
    beside = x + len(words) * svg.CHARACTER + 2 * PAD + 6
    drawing.add(beside, y, 40, 0, svg.label(beside, y + LINE, f"\u2264 {cost}", "cost"))
    drawing.ends.append((words, cost))
    return []


def draw_branch(drawing: Drawing, one: ir.Branch, x: float, y: float, paths: list[Open]) -> list[Open]:
    """Draw a condition: `yes` to the right, `no` downwards, below everything that `yes` draws."""
    cost = arrive(drawing, paths, x + SPINE, y) + 2 + cost_of_expression(one.condition)
    words = say_expression(lift_expression(one.condition))
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
