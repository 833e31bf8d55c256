"""Host state: what the hypervisor's own registers hold in root mode, as far as that is known before it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.model.facts import StateField
from codegen.source import NOWHERE, Span


@dataclass(frozen=True)
class HostValue:
    """The bits of `mask` are always those of `value`; the others are set at run time."""

    state: StateField
    mask: int
    value: int
    span: Span

    @property
    def is_constant(self) -> bool:
        """Return whether every bit is known."""
        return self.mask == (1 << self.state.type.bits) - 1


@dataclass(frozen=True)
class Host:
    """What is declared, by name; nothing where the spec has no `host` block."""

    values: dict[str, HostValue] = field(default_factory=dict)
    span: Span = NOWHERE
