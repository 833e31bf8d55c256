"""Types of values in the language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scalar:
    """A number of so many bits; one bit is a truth."""

    name: str
    bits: int


@dataclass(frozen=True)
class StructType:
    """What an extern returns beyond a number."""

    name: str
    fields: tuple[tuple[str, Scalar], ...]

    def find(self, field: str) -> Scalar | None:
        """Return the field's type."""
        return dict(self.fields).get(field)


@dataclass(frozen=True)
class HandleType(StructType):
    """A struct of the runtime that a hypercall is given a handle of: bodies pass it on, and cannot look into it."""


Type = Scalar | StructType

BOOL = Scalar("bool", 1)
U8 = Scalar("u8", 8)
U16 = Scalar("u16", 16)
U32 = Scalar("u32", 32)
U64 = Scalar("u64", 64)
SCALARS = {one.name: one for one in (BOOL, U8, U16, U32, U64)}
HANDLES = {name: HandleType(name, ()) for name in ("domain", "vcpu")}
VMCB_TYPES = {one.name: one for one in (U8, U16, U32, U64)}
VMCS_TYPES = {"u16": U16, "u32": U32, "u64": U64, "natural": U64}


def scalar_for(bits: int) -> Scalar:
    """Return the smallest scalar that holds so many bits; one bit is a bool."""
    return next(one for one in (BOOL, U8, U16, U32, U64) if bits <= one.bits)


def handle_of(parameters: tuple[tuple[str, Type], ...]) -> str:
    """Return the type of the first parameter if that is a handle, or nothing."""
    first = parameters[0][1] if parameters else None
    return first.name if isinstance(first, HandleType) else ""
