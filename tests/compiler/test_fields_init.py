"""A new VMCS: each field that a domain's controls make valid is written, by generated zeros or by a declaration."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from codegen.check.evaluate import evaluate
from codegen.emit import generate
from codegen.emit.fields_init import InitView, find_need, list_unset, make_view
from codegen.model.choices import Domain, Setting
from codegen.source import NOWHERE
from tests.lib.support import compile_spec

MODEL = compile_spec()
TEXTS = {one.name: one.text for one in generate(MODEL)}
READ_SHADOWS = {"cr0_read_shadow", "cr4_read_shadow"}


def read_body(text: str, function: str) -> str:
    """Return a function's body."""
    return text.partition(f"void {function}")[2].partition("\n}\n")[0]


def find_written(name: str) -> set[str]:
    """Return the fields that generated code writes to a domain's new VMCS."""
    init, tables = TEXTS["vmx/fields_init.c"], TEXTS[f"vmx/{name}_tables.c"]
    zeros = init.partition(f"{name}_fields[] = {{")[2].partition("};")[0] + read_body(init, f"{name}_fields_init(void)")
    reset = read_body(tables, f"{name}_reset_state(struct cpu *cpu)")
    host = read_body(TEXTS["vmx/host.h"], "host_constants_write(void)")
    states = {one for state in re.findall(r"set_guest_(\w+)\(", reset) if (one := MODEL.facts.state[state].field)}
    return states | {one.lower() for one in re.findall(r"\bVMCS_(\w+)", zeros + reset + host)}


@pytest.mark.parametrize("name", MODEL.domains)
def test_every_field_is_written(name: str) -> None:
    writable = [one for one in MODEL.facts.vmcs.values() if one.area in ("control", "guest", "host")]
    exist = {one.name for one in writable if evaluate(find_need(MODEL, one), MODEL.domains[name]).can_hold}
    assert len(exist) > 100
    assert find_written(name) == exist


def set_control(path: str, value: str) -> Domain:
    """Return dom0 with one setting changed."""
    dom0 = MODEL.domains["dom0"]
    setting = next(iter(dom0.settings.values()))
    fresh: Setting = replace(setting, control=path, value=value, span=NOWHERE)
    return replace(dom0, settings={**dom0.settings, path: fresh})


def find_fields(view: InitView, *fields: str) -> tuple[set[str], set[str]]:
    """Return which of these are zeroed always, and which where the processor granted a control."""
    names = {f"VMCS_{one.upper()}": one for one in fields}
    sometimes = [one for some in view.granted.values() for one in some]
    return {names[one] for one in view.always if one in names}, {names[one] for one in sometimes if one in names}


@pytest.mark.parametrize(("value", "always", "sometimes"), [
    ("off", False, False), ("on", True, False), ("prefer", False, True),
    ("switched", True, False),  # off in the word that is granted, and on later
])
def test_fields_follow_their_control(value: str, always: bool, sometimes: bool) -> None:
    both = {"pml_address", "pml_index"}
    view = make_view(MODEL, set_control("secondary.enable_pml", value))
    assert find_fields(view, *both) == (both if always else set(), both if sometimes else set())


def test_what_no_declaration_sets_is_zero() -> None:
    dom0 = MODEL.domains["dom0"]
    declared = {one.name for one in list_unset(MODEL, dom0)}
    bare = {one.name for one in list_unset(MODEL, replace(dom0, reset=(), owned={}))}
    assert bare - declared == {field.field for field, _ in dom0.reset if field.field} | READ_SHADOWS
