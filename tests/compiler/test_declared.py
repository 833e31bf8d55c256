"""Reset tables take effect in the domains that use them."""

from __future__ import annotations

from codegen.model import ir
from codegen.model.choices import Model
from codegen.source import SourceFile
from tests.lib.support import compile_small

REST = """
    msr { default read try, write inject gp; }
    io { default pass; }
    exceptions { default pass; }
    on cpuid { advance; }
    on triple_fault { reset "over"; }
"""


def compile_clauses(clauses: str) -> Model:
    return compile_small(SourceFile("declared.luv", f"/// A guest.\ndomain guest {{\n{clauses}{REST}}}\n"))


def test_reset_starts_from_tables() -> None:
    """Values of the tables come in their order; values of the domain replace them or follow them."""
    domain = compile_clauses("reset { from system; rax = 1; cr0 = 0x10; }").domains["guest"]
    values = [(field.name, value.value) for field, value in domain.reset if isinstance(value, ir.Constant)]
    assert values == [("rip", 0xFFF0), ("cr0", 0x10), ("rax", 1)]


def test_reset_of_a_domain_alone() -> None:
    domain = compile_clauses("reset { rax = 1; }").domains["guest"]
    assert [field.name for field, _ in domain.reset] == ["rax"]
