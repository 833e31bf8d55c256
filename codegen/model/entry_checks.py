"""The checks that a VM entry makes: rules over the VMCS and what the processor says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.model.ir import Expression
from codegen.source import Span

# Predicates that rules may ask, and what each takes.
PREDICATES = {
    "allowed": "the control word holds what its capability MSRs allow",
    "canonical": "the address is canonical: all bits from the highest linear-address bit on are equal",
    "linear": "all bits above the linear-address bits are equal",
    "physical": "no bit at or above the processor's physical-address width is set",
    "structure": "the same, and the address is below 4 GiB where IA32_VMX_BASIC says so",
    "memory_types": "each of the eight bytes is a memory type that IA32_PAT may hold",
}


@dataclass(frozen=True)
class EntryRule:
    """`holds` must be true where `when` is (None: always); `text` is both as the spec writes them."""

    name: str
    group: str
    when: Expression | None
    holds: Expression
    when_text: str
    text: str
    summary: str
    sections: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class Omission:
    """A check of the manual that is no rule here, and why."""

    name: str
    reason: str
    summary: str
    sections: tuple[str, ...]


@dataclass(frozen=True)
class EntryGroup:
    """Rules that fail alike: by VM-instruction error `error` (0: none), or by the exit `exit`."""

    name: str
    error: int
    exit: str
    rules: tuple[EntryRule, ...]
    omitted: tuple[Omission, ...]
    summary: str
    sections: tuple[str, ...]
    span: Span
