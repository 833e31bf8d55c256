"""Declarations by kind."""

from __future__ import annotations

from typing import Any

from codegen import syntax
from codegen.model.facts import Doc
from codegen.resolve.docs import make_doc

Item = tuple[Any, Doc]


def of_kind(items: list[syntax.Item], kind: type) -> list[Item]:
    """The declarations of one kind, with their documentation."""
    return [(item.declaration, make_doc(item.doc)) for item in items if isinstance(item.declaration, kind)]
