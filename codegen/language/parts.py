"""Take apart and put together the children of a rule, for every builder."""

from __future__ import annotations

from typing import Any

from lark import Token, v_args
from lark.tree import Meta

Children = list[Any]


class Part:
    """An optional piece of a rule on its way to the node that holds it."""

    def __init__(self, kind: str, value: Any) -> None:
        self.kind = kind
        self.value = value


def part(children: Children, kind: str) -> Any:
    """Return the value of the part of that kind, or None."""
    return next((one.value for one in children if isinstance(one, Part) and one.kind == kind), None)


def parts(children: Children, kind: str) -> tuple[Any, ...]:
    """Return the values of all parts of that kind."""
    return tuple(one.value for one in children if isinstance(one, Part) and one.kind == kind)


def pick(children: Children, kind: Any) -> Any:
    """Return the first child of that class, or None."""
    return next((child for child in children if isinstance(child, kind)), None)


def pick_all(children: Children, kind: Any) -> tuple[Any, ...]:
    """Return all children of that class, in order."""
    return tuple(child for child in children if isinstance(child, kind))


def is_word(child: Any, terminal: str) -> bool:
    """Return whether a child is that terminal's token."""
    return isinstance(child, Token) and child.type == terminal


def pick_word(children: Children, terminal: str) -> str | None:
    """Return the text of that terminal's token, or None."""
    return next((str(child) for child in children if is_word(child, terminal)), None)


def keeps(kind: str) -> Any:
    """Return a reduction that keeps the only child as a part."""

    def reduce(self: Any, children: Children) -> Part:
        return Part(kind, children[0])

    return reduce


def keeps_all(kind: str) -> Any:
    """Return a reduction that keeps all children as one part."""

    def reduce(self: Any, children: Children) -> Part:
        return Part(kind, tuple(children))

    return reduce


def makes(node: Any) -> Any:
    """Return a reduction to a node whose fields are the children."""

    def reduce(self: Any, children: Children) -> Any:
        return node(*children)

    return reduce


def makes_spanned(node: Any) -> Any:
    """Return a reduction to a node whose fields are the children, and the span over them."""

    def reduce(self: Any, meta: Meta, children: Children) -> Any:
        return node(*children, self.span_over(meta))

    return v_args(meta=True)(reduce)


def makes_list(node: Any) -> Any:
    """Return a reduction to a node of a list of children, and the span over them."""

    def reduce(self: Any, meta: Meta, children: Children) -> Any:
        return node(tuple(children), self.span_over(meta))

    return v_args(meta=True)(reduce)


def makes_named_list(node: Any) -> Any:
    """Return a reduction to a node of a first child and a list of the others."""

    def reduce(self: Any, children: Children) -> Any:
        return node(children[0], tuple(children[1:]))

    return reduce
