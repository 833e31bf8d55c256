"""Reset tables take effect in the domains that use them."""

from __future__ import annotations

from codegen.emit.statements import statements
from codegen.model import ir
from codegen.model.choices import Model
from codegen.model.events import find_controls
from codegen.source import SourceFile
from tests.lib.support import compile_small

DEFINES = """
/// Bits that two handlers check.
define check(value : cr0) {
    let paging = value.pg;
    if paging and not value.pe { inject gp(0); }
}
"""
REST = """
    msr { default read try, write inject gp; }
    io { default pass; }
    exceptions { default pass; }
    on cpuid { advance; }
    on triple_fault { reset "over"; }
"""


def compile_clauses(clauses: str) -> Model:
    return compile_small(SourceFile("declared.luv", f"/// A guest.\ndomain guest {{\n{clauses}{REST}}}\n"))


def show_handler(body: str) -> str:
    """Return the C of a CPUID handler that may use `check`."""
    rest = REST.replace("on cpuid { advance; }", f"on cpuid {{ {body} }}")
    text = f"{DEFINES}/// A guest.\ndomain guest {{\n{rest}}}\n"
    domain = compile_small(SourceFile("declared.luv", text)).domains["guest"]
    return "\n".join(statements(domain.handlers["cpuid"].body.statements, 0))


def test_define_is_inlined() -> None:
    """An argument that is a local with the layout is used itself; one that is no local gets a name."""
    assert show_handler("let value : cr0 = guest.rax; check(value); advance;") == """\
u64 value = cpu->guest.rax;
bool paging = value & CR0_PG;
if (paging && !(value & CR0_PE)) {
    guest_inject_error(cpu, VECTOR_GP, 0);
    return;
}
guest_advance(cpu);
return;"""


def test_define_twice_in_a_body() -> None:
    """C has each name once in a block."""
    text = show_handler("check(guest.rax); let paging = guest.rcx; if paging == 1 { check(guest.rcx); } advance;")
    assert [line.strip().split(" = ")[0] for line in text.split("\n") if " = " in line] == [
        "u64 value", "bool paging", "u64 paging_2", "u64 value_2", "bool paging_3",
    ]


def test_define_counts_in_the_budget() -> None:
    plain, used = (show_cost(body) for body in ("advance;", "check(guest.rax); advance;"))
    assert used > plain


def show_cost(body: str) -> int:
    other = "on task_switch { check(guest.rax); resume; }"
    rest = REST.replace("on cpuid { advance; }", f"on cpuid {{ {body} }}\n {other}")
    clauses = f"for vmx {{ set pin {{ nmi_exiting = on; }} }}{rest}"
    text = f"{DEFINES}/// A guest.\ndomain guest {{\n{clauses}}}\n"
    return compile_small(SourceFile("declared.luv", text)).domains["guest"].handlers["cpuid"].body.cost


def test_locals_have_layouts() -> None:
    """Declared, or by the field that the value comes from; the bits keep their names."""
    text = show_handler("check(guest.cr0); let mine = guest.cr0; let low : u8 = 3; guest.cr0.ne = mine.pe; "
                        "guest.rax = low; advance;")
    assert "u64 mine = guest_cr0();" in text
    assert "u8 low = 3;" in text
    assert "replace_bits(guest_cr0(), CR0_NE, !!(mine & CR0_PE))" in text


def test_controls_follow_from_events() -> None:
    """`trap` turns on the one condition of an event, `native` keeps it off, `set` may refine it."""
    clauses = "for vmx { set primary { activate_secondary = on; } } on nested_page_fault { stop \"none\"; }"
    settings = compile_clauses(f"native halt; trap nested_page_fault; {clauses}").domains["guest"].settings
    assert (settings["secondary.enable_ept"].value, settings["secondary.enable_ept"].origin) \
        == ("on", "trap nested_page_fault")
    assert (settings["primary.hlt_exiting"].value, settings["primary.hlt_exiting"].origin) == ("off", "native halt")
    refined = "trap halt; for vmx { set primary { hlt_exiting = switched; } } on halt { advance; }"
    setting = compile_clauses(refined).domains["guest"].settings["primary.hlt_exiting"]
    assert (setting.value, setting.origin) == ("switched", "")


def test_an_event_with_more_conditions_has_no_control() -> None:
    """What exits by several tables or controls is not decided by one of them."""
    facts = compile_clauses("").facts
    found = {name: ", ".join(find_controls(event, facts.exits)) for name, event in facts.events.items()}
    assert {name: control for name, control in found.items() if control} == {
        "halt": "primary.hlt_exiting", "nested_page_fault": "secondary.enable_ept", "task_switch": "pin.nmi_exiting",
    }


def test_reset_starts_from_tables() -> None:
    """Values of the tables come in their order; values of the domain replace them or follow them."""
    domain = compile_clauses("reset { from system; rax = 1; cr0 = 0x10; }").domains["guest"]
    values = [(field.name, value.value) for field, value in domain.reset if isinstance(value, ir.Constant)]
    assert values == [("rip", 0xFFF0), ("cr0", 0x10), ("rax", 1)]


def test_reset_of_a_domain_alone() -> None:
    domain = compile_clauses("reset { rax = 1; }").domains["guest"]
    assert [field.name for field, _ in domain.reset] == ["rax"]


def test_a_local_does_not_take_a_payload_name() -> None:
    """In C the payload is the function's parameters: `let value = e.value` must not become `value = value`."""
    rest = REST.replace("write inject gp;", "write do { let value : cr0 = e.value; guest.rax = value; advance; };")
    model = compile_small(SourceFile("declared.luv", f"/// A guest.\ndomain guest {{\n{rest}}}\n"))
    body = model.domains["guest"].msr.default_write.body
    assert body is not None
    assert statements(body.statements, 0)[:2] == ["u64 value_2 = value;", "cpu->guest.rax = value_2;"]
