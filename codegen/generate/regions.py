"""Regions of physical memory, numbered in the order in which the spec has them."""

from __future__ import annotations

from codegen.model.choices import Model
from codegen.output import Output
from codegen.render import header_comment, render


def make_regions(model: Model) -> Output:
    """The numbers, and base and size (bytes) of the regions that have a place of their own."""
    first = header_comment("spec/memory.luv", "Regions of physical memory.")
    return Output("regions.h", render("regions.h.j2", first=first, regions=list(model.regions.values())))
