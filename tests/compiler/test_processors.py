"""One machine, several processors: the same choices are held against the facts of each."""

from __future__ import annotations

import pytest

from codegen.compiler import compile_each
from codegen.diagnostics import SpecError, render_all
from codegen.emit.bitmaps import make_msr_bitmap
from codegen.language import syntax
from codegen.model.choices import Model
from codegen.source import SourceFile
from tests.lib.support import load_facts, parse_text

PROCESSOR = (syntax.Processor, syntax.Vmcs, syntax.Controls, syntax.Capabilities, syntax.State, syntax.Exits,
             syntax.Bitmap, syntax.Information, syntax.SwitchedMsrs, syntax.FeatureNeeds)
DOMAIN = """
/// A guest.
domain guest {
    msr { default read try, write inject gp; }
    io { default pass; }
    exceptions { default pass; }
    on cpuid { advance; }
    on triple_fault { reset "over"; }
%s}
"""


def split_facts(toy: tuple[str, str]) -> list[SourceFile]:
    """Return the small facts as the machine's, those of `vmx`, and those of `toy`, in which a text is another."""
    items = load_facts()[1].items
    own = tuple(item for item in items if isinstance(item.declaration, PROCESSOR))
    machine = tuple(item for item in items if item not in own)
    text = syntax.unparse(syntax.File("", own))
    assert text.count(toy[0]) == 1
    return [
        SourceFile("spec/facts/x86/all.luv", syntax.unparse(syntax.File("", machine))),
        SourceFile("spec/facts/vmx/all.luv", text),
        SourceFile("spec/facts/toy/all.luv", text.replace(*toy)),
    ]


def compile_both(clauses: str, toy: tuple[str, str] = ("2 triple_fault", "4 triple_fault")) -> dict[str, Model]:
    sources = [*split_facts(toy), SourceFile("spec/guest.luv", DOMAIN % clauses)]
    return compile_each([parse_text(one) for one in sources], sources)


def say_both(clauses: str, toy: tuple[str, str]) -> str:
    with pytest.raises(SpecError) as caught:
        compile_both(clauses, toy)
    return render_all(caught.value)


def test_each_has_its_facts_and_the_machine() -> None:
    models = compile_both("")
    assert list(models) == ["toy", "vmx"]
    assert {name: model.facts.exits["triple_fault"].number for name, model in models.items()} == {"toy": 4, "vmx": 2}
    assert models["toy"].facts.msrs.keys() == models["vmx"].facts.msrs.keys()
    assert models["toy"].facts.vectors == models["vmx"].facts.vectors


def test_choices_for_one_are_not_the_other_s() -> None:
    models = compile_both("on halt { advance; } for vmx { set primary { hlt_exiting = on; } } "
                          "for toy { set primary { hlt_exiting = prefer; } }")
    found = {name: model.domains["guest"].settings["primary.hlt_exiting"].value for name, model in models.items()}
    assert found == {"vmx": "on", "toy": "prefer"}


def test_an_event_of_one_alone() -> None:
    """It is handled where it exists; elsewhere nobody misses it."""
    models = compile_both("trap sleep; on sleep { advance; } native halt;", ("=> event halt", "=> event sleep"))
    assert "sleep" in models["toy"].domains["guest"].handlers
    assert models["toy"].domains["guest"].settings["primary.hlt_exiting"].origin == "trap sleep"
    assert models["vmx"].domains["guest"].settings["primary.hlt_exiting"].origin == "native halt"
    assert "sleep" not in models["vmx"].domains["guest"].handlers


def test_coverage_is_demanded_for_each() -> None:
    text = say_both("", ("12 hlt when primary.hlt_exiting", "12 hlt always"))
    assert "error[exit-unhandled]: on toy, in guest, `halt` can happen and nothing handles it" in text
    assert "1 error." in text


def test_what_both_object_to_is_said_once() -> None:
    text = say_both("native sleep; for svm { }", ("2 triple_fault", "4 triple_fault"))
    assert "error[unknown-name]: no event is named `sleep`" in text
    assert "error[unknown-name]: no processor is named `svm`" in text
    assert "2 errors." in text


def test_bitmaps_are_the_processor_s() -> None:
    """Another geometry puts the same policy's bits in other places."""
    models = compile_both("", ("    0 read 0x0..0x1FFF;\n    1024 read 0xC0000000..0xC0001FFF;\n",
                               "    1024 read 0x0..0x1FFF;\n    0 read 0xC0000000..0xC0001FFF;\n"))
    data = {name: make_msr_bitmap(model.domains["guest"]) for name, model in models.items()}
    assert data["toy"][1024:2048] == data["vmx"][:1024]
    assert data["toy"][:1024] == data["vmx"][1024:2048]
