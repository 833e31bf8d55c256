"""The spec in spec/: its facts are consistent, and removing a handler or changing a control has an effect."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.check import check
from codegen.compiler import compile_files
from codegen.diagnostics import Reporter, SpecError
from codegen.emit import generate
from codegen.emit.files import find_stale
from codegen.emit.tables import make_tables
from codegen.language import syntax
from codegen.model.choices import Domain, Model, Setting
from codegen.source import NOWHERE, SourceFile
from tests.lib.support import ROOT, compile_spec, load_spec

MODEL = compile_spec()
DOM0 = MODEL.domains["dom0"]
DOMAINS = list(MODEL.domains.values())
WIDTHS = {"u16": 0, "u64": 1, "u32": 2, "natural": 3}
AREAS = {"control": 0, "readonly": 1, "guest": 2, "host": 3}
OTHER = {"on": "off", "off": "on", "prefer": "off", "switched": "on"}
GENERATED = [one.name for one in generate(MODEL)]


def test_encodings_agree_with_declarations() -> None:
    """VMCS encodings: width in bits 14:13, area in bits 11:10, index in 9:1; bit 0 is the high half. SDM: B"""
    groups = [item.declaration for file in load_spec()[1] for item in file.items]
    fields = [(group.area.text, field) for group in groups if isinstance(group, syntax.Vmcs) for field in group.fields]
    assert len(fields) > 150
    for area, field in fields:
        number = field.encoding.value
        assert number == WIDTHS[field.type.text] << 13 | AREAS[area] << 10 | number & 0x3FE, field.name.text
    assert len({field.encoding.value for _, field in fields}) == len(fields)


def test_control_words_know_each_bit() -> None:
    """Each control's bit is within its word, and no control needs itself."""
    for control in MODEL.facts.controls.values():
        assert control.bit < 64
        assert control.path not in repr(MODEL.facts.control_needs[control.path]), control.path


def test_citations_are_in_the_table() -> None:
    docs = [item.doc for file in load_spec()[1] for item in file.items]
    cited = {section.text for doc in docs if doc for section in doc.sections}
    assert len(cited) > 50
    assert cited <= set(MODEL.facts.sections)


def test_generated_is_up_to_date() -> None:
    assert find_stale(generate(MODEL), ROOT / "generated") == []


def without_handler(domain: str, event: str) -> list[syntax.File]:
    """Return the spec's files without one handler of a domain."""
    made = []
    for file in load_spec()[1]:
        items = [replace(item, declaration=strike(item.declaration, domain, event)) for item in file.items]
        made.append(replace(file, items=tuple(items)))
    return made


def strike(node: syntax.Declaration, domain: str, event: str) -> syntax.Declaration:
    if not isinstance(node, syntax.Domain) or node.name.text != domain:
        return node
    kept = [one for one in node.clauses if not isinstance(one, syntax.Handler) or one.event.text != event]
    return replace(node, clauses=tuple(kept))


@pytest.mark.parametrize(("domain", "event"), [(one.name, event) for one in DOMAINS for event in sorted(one.handlers)])
def test_a_removed_handler_is_an_error(domain: str, event: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_files(without_handler(domain, event), load_spec()[0])
    (error,) = caught.value.diagnostics
    assert error.name == "exit-unhandled"
    assert f"in {domain}, `{event}` can happen and nothing handles it" in error.message


def turn(domain: Domain, control: str) -> Domain:
    """Return the domain with the other setting of a control."""
    now = domain.settings[control].value if control in domain.settings else "off"
    setting = Setting(control, OTHER[now], NOWHERE)
    return replace(domain, settings={**domain.settings, control: setting})


def say_tables(model: Model, domain: Domain) -> str:
    return "".join(output.text for output in make_tables(model, domain))


@pytest.mark.parametrize("name", [one.name for one in DOMAINS])
@pytest.mark.parametrize("control", sorted(MODEL.facts.controls))
def test_a_changed_control_has_an_effect(name: str, control: str) -> None:
    """Changing a control gives an error, or another control word."""
    domain = turn(MODEL.domains[name], control)
    model = replace(MODEL, domains={**MODEL.domains, name: domain})
    reporter = Reporter()
    check(model, reporter)
    assert reporter.failed or say_tables(model, domain) != say_tables(MODEL, MODEL.domains[name])


@pytest.mark.parametrize("name", [name for name in GENERATED if name.endswith((".c", ".h"))])
def test_generated_c_compiles(name: str) -> None:
    """Compile each file, headers too, after core/types.h alone."""
    flags = ["-std=gnu11", "-ffreestanding", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-mno-sse"]
    text = f'#include "core/types.h"\n#include "generated/{name}"\n'
    result = subprocess.run(
        ["gcc", *flags, "-I", ".", "-I", "runtime", "-x", "c", "-"],
        input=text, cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [name for name in GENERATED if name.endswith((".asm", ".inc"))])
def test_generated_assembly_assembles(name: str, tmp_path: Path) -> None:
    """Assemble each .asm, and each .inc (constants and tables) by itself.

    Not into /dev/null: on an error NASM deletes its output.
    """
    text = f'%include "generated/{name}"\n' if name.endswith(".inc") else (ROOT / "generated" / name).read_text()
    result = subprocess.run(
        ["nasm", "-f", "elf64", "-w+error", "-I", f"{ROOT}/", "-o", tmp_path / "out.o", "/dev/stdin"],
        input=text, cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_body_that_tests_a_control_compiles(tmp_path: Path) -> None:
    """A body that tests `word.control` compiles with the constants of the generated headers."""
    text = (ROOT / "spec" / "dom0.luv").read_text().replace(
        "    on invd {", "    on invd {\n        if not secondary.enable_vpid { resume; }", 1)
    made = {one.name: one.text for one in generate(compile_spec(SourceFile("spec/dom0.luv", text)))}
    assert "granted(SECONDARY, ENABLE_VPID)" in made["vmx/dom0_handlers.c"]
    path = tmp_path / "handlers.c"
    path.write_text(made["vmx/dom0_handlers.c"])
    flags = ["-std=gnu11", "-ffreestanding", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-mno-sse"]
    subprocess.run(["gcc", *flags, "-I", ".", "-I", "runtime", path], cwd=ROOT, check=True)
