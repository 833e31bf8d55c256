"""What names mean: every name of every spec has a place in the index, and means what the compiler says it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import pytest

from codegen.editor.complete import complete
from codegen.editor.names import LANGUAGE, LOCALS, UNKNOWN, Index, Key
from codegen.editor.project import Analysis, Project
from codegen.editor.rename import Rename, RenameRefused, change, rename
from codegen.editor.uses import CLAUSES, RULES, make_index
from codegen.language import domains, syntax
from codegen.source import Name, SourceFile, Span
from tests.lib.support import COMPILER, SPEC, load_facts, parse_text

SMALL = (COMPILER / "golden" / "small.luv").read_text(encoding="utf-8")


@cache
def read_shipped() -> Analysis:
    return Project(SPEC).analyse()


@cache
def read_small() -> Analysis:
    facts = (COMPILER / "facts.luv").read_text(encoding="utf-8")
    project = Project(COMPILER / "spec", {"spec/facts.luv": facts, "spec/small.luv": SMALL})
    return project.analyse()


def list_names(node: Any) -> Iterator[Name]:
    """Yield every name below a node, but for the roots `msr` and `vmcs`, whose spans go over more."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, tuple):
        for one in node:
            yield from list_names(one)
    elif is_dataclass(node) and not isinstance(node, type):
        for one in fields(node):
            yield from list_names(getattr(node, one.name))


def list_places(index: Index) -> set[tuple[str, int, int]]:
    return {(one.span.path, one.span.line, one.span.column) for found in index.lines.values() for one in found}


def read_files(case: str) -> tuple[syntax.File, ...]:
    """Return the shipped spec, or a small spec of the compiler's tests beside the miniature facts."""
    if case == "spec":
        return read_shipped().files
    path = COMPILER / f"{case}.luv"
    return (load_facts()[1], parse_text(SourceFile(case, path.read_text(encoding="utf-8"))))


ACCEPTED = [f"accept/{path.stem}" for path in sorted((COMPILER / "accept").glob("*.luv")) if path.stem != "facts"]
CASES = ["spec", "golden/small", "golden/vmm", *ACCEPTED]


@pytest.mark.parametrize("case", CASES)
def test_every_name_has_a_meaning(case: str) -> None:
    files = read_files(case)
    index = make_index(files)
    places = list_places(index)
    names = list(list_names(files))
    missed = [one for one in names if (one.span.path, one.span.line, one.span.column) not in places]
    unknown = [(key[-1], one.span) for key, found in index.uses.items() if key[0] == UNKNOWN for one in found]
    assert names and missed == [] and unknown == []


def test_every_declaration_and_clause_has_a_rule() -> None:
    assert set(RULES) == set(syntax.Declaration.__args__)
    assert set(CLAUSES) == set(domains.Clause.__args__)


def test_a_declaration_without_a_rule_is_looked_at_by_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    files = read_small().files
    before = make_index(files)
    for kind in (syntax.Domain, syntax.Exits, syntax.Hypercall):
        monkeypatch.delitem(RULES, kind)
    after = make_index(files)
    known = {(one.span, key) for key, found in before.uses.items() for one in found}
    alike = {(one.span, key) for key, found in after.uses.items() for one in found} & known
    assert len(alike) > len(known) / 3


def read_text(analysis: Analysis, span: Span) -> str:
    line: str = analysis.sources[span.path].lines[span.line - 1]
    return line[span.column - 1 : span.column - 1 + span.length]


def test_spans_are_those_of_the_names() -> None:
    analysis = read_shipped()
    for key, found in analysis.index.definitions.items():
        for one in found:
            assert read_text(analysis, one.span) == key[-1] or key[0] == "rule"
    wrong = [
        (key, read_text(analysis, one.span)) for key, found in analysis.index.uses.items() for one in found
        if read_text(analysis, one.span) != key[-1] and "checks_" not in one.span.path
    ]  # fmt: skip
    assert wrong == []


def make_name(key: Key) -> str:
    return f"RENAMED_{key[-1]}" if key[-1].isupper() else f"renamed_{key[-1]}"


@cache
def list_keys() -> list[Key]:
    """Return the first and the last name of each kind that the small spec defines."""
    found: dict[str, list[Key]] = {}
    for key in read_small().index.definitions:
        found.setdefault(key[0], []).append(key)
    return list(dict.fromkeys(key for kind, keys in found.items() if kind != "section" for key in (keys[0], keys[-1])))


@cache
def try_rename(key: Key) -> Rename | str:
    """Return what a rename changes, or why it is refused."""
    try:
        return rename(key, make_name(key), read_small(), None)
    except RenameRefused as fault:
        return str(fault)


@pytest.mark.parametrize("key", list_keys(), ids=lambda key: ".".join(key).replace("spec/", ""))
def test_a_rename_changes_all_places_and_nothing_else(key: Key) -> None:
    """What is renamed there and back is the same text; what is refused, the compiler knows by name."""
    analysis = read_small()
    made = try_rename(key)
    if isinstance(made, str):
        assert "the compiler knows this name" in made or "hides another name" in made
        return
    sources = {path: change(one, made.spans, make_name(key)) for path, one in analysis.sources.items()}
    project = Project(COMPILER / "spec", {path: one.text for path, one in sources.items()})
    again = project.analyse()
    assert [one.message for one in again.diagnostics] == [one.message for one in analysis.diagnostics]
    back = find_key(again.index, key, make_name(key))
    restored = rename(back, key[-1], again, None)
    texts = {path: change(one, restored.spans, key[-1]).text for path, one in sources.items()}
    assert texts == {path: one.text for path, one in analysis.sources.items()}


def find_key(index: Index, key: Key, new: str) -> Key:
    """Return a renamed key; that of a local has its place in it, which earlier names of its line have moved."""
    if key[0] not in LOCALS:
        return (*key[:-1], new)
    line = key[1].rpartition(":")[0]
    found = [one for one in index.definitions if one[0] == key[0] and one[1].startswith(f"{line}:") and one[-1] == new]
    return found[0]


def test_most_renames_are_made() -> None:
    refused = [key for key in list_keys() if isinstance(try_rename(key), str)]
    assert len(refused) < len(list_keys()) / 4, refused


@pytest.mark.parametrize(
    ("key", "new", "why"),
    [
        (("const", "GATE"), "2x", "is no name"),
        (("const", "GATE"), "GATE GATE", "is no name"),
        (("const", "GATE"), "", "is no name"),
        (("const", "GATE"), "e", "."),
        (("port", "clock"), "keyboard_data", "is taken"),
        (("extern", "notify"), "host_cpuid", "is taken"),
        (("event", "halt"), "cpuid", "is taken"),
        (("exit", "hlt"), "exit", "`exit`"),
        (("section", "2.5"), "x", "numbers"),
        (("language", "u32"), "x", "word of the language"),
        (("struct", "regs4"), "registers4", "hides another name"),
    ],
)
def test_renames_that_are_refused(key: Key, new: str, why: str) -> None:
    if new == "exit":  # a keyword only where the grammar says so: as a name it is fine
        assert rename(key, new, read_small(), None).spans
        return
    with pytest.raises(RenameRefused, match=why):
        rename(key, new, read_small(), None)


def test_rename_of_a_name_that_each_makes_is_refused() -> None:
    analysis = read_shipped()
    made = [
        key for key, found in analysis.index.uses.items() if key[0] == "field"
        for one in found if read_text(analysis, one.span) != key[-1]
    ]  # fmt: skip
    assert made
    with pytest.raises(RenameRefused, match="`each` makes"):
        rename(made[0], "other", analysis, None)


def test_names_of_one_word_and_different_kinds_are_different() -> None:
    index = read_small().index
    assert {key[0] for key in index.definitions if key[-1] == "cpuid"} >= {"exit", "event", "forward"}
    assert {key[0] for key in index.definitions if key[-1] == "cr0"} >= {"layout", "state"}
    keys = {key for key in index.uses if key[-1] == "port"}
    assert ("payload", "io", "port") in keys or ("bit", "io_qualification", "port") in keys


COMPLETIONS = {
    # text before the cursor: what must be offered, what must not
    "on cpuid(e) { guest.": ({"rax", "efer", "dr6"}, {"eax", "guest_rip"}),
    "on cpuid(e) { guest.cr0.": ({"pe", "ne", "pg"}, {"rax"}),
    "on cpuid(e) { e.": ({"leaf", "subleaf"}, {"port"}),
    "on cr_access(e) { if e.": ({"number"}, {"leaf"}),
    "on cpuid(e) { let out = host_cpuid(e.leaf, 0); guest.rax = out.": ({"eax", "edx"}, {"rax", "leaf"}),
    "on cpuid(e) { let v : cr0 = guest.rax; if v.": ({"pe", "ne"}, {"eax"}),
    "on cpuid(e) { vmcs.": ({"cr0_read_shadow", "guest_rip"}, {"rax"}),
    "on cpuid(e) { vmcs.cr0_read_shadow = ": ({"e", "GATE", "guest", "host_cpuid", "IA32_PAT"}, {"advance", "if"}),
    "on cpuid(e) { ": ({"advance", "resume", "if", "let", "log", "guest", "notify", "inject"}, {"domain", "budget"}),
    "on cpuid(e) { if primary.": ({"hlt_exiting"}, {"nmi_exiting"}),
    "on cpuid(e) { if policy.": ({"cpuid", "hypercall"}, {"rax"}),
    "on cpuid(e) { inject ": ({"ud", "gp", "nmi"}, {"guest", "advance"}),
    "on cpuid(e) { let a : ": ({"u8", "u64", "cr0"}, {"GATE", "regs4"}),
    "on ": ({"cpuid", "nested_page_fault", "halt"}, {"hlt", "ept_violation", "guest"}),
    "native ": ({"cpuid", "halt"}, {"hlt", "GATE"}),
    "for vmx { ": ({"set", "require", "prefer", "own"}, {"native"}),
    "for vmx { set ": ({"pin", "primary", "secondary"}, {"ept", "cr0"}),
    "for vmx { set pin { ": ({"nmi_exiting", "virtual_nmis"}, {"hlt_exiting"}),
    "for vmx { set pin { nmi_exiting = ": ({"on", "off", "prefer", "switched"}, {"virtual_nmis"}),
    "for vmx { require ept { ": ({"walk_4"}, {"vmx"}),
    "for vmx { require cpuid { ": ({"vmx", "osxsave"}, {"walk_4"}),
    "for vmx { own cr0 { ": ({"pe", "ne"}, {"rax"}),
    "cpuid { hide ": ({"vmx", "invpcid"}, {"known", "walk_4"}),
    "cpuid { pass ": ({"vmx", "known"}, {"cpuid"}),
    "msr { ": ({"IA32_PAT", "default", "guarded", "class"}, {"clock", "plain"}),
    "msr { class ": ({"plain", "microcode"}, {"IA32_PAT"}),
    "msr { IA32_PAT read ": ({"pass", "try", "do", "inject", "GATE"}, {"advance"}),
    "msr { IA32_PAT write do { if e.": ({"msr", "value"}, {"port"}),
    "io { ": ({"clock", "keyboard_data", "default"}, {"IA32_PAT"}),
    "io { clock read do { if e.": ({"port", "input"}, {"msr"}),
    "exceptions { ": ({"ud", "gp", "default", "switched"}, {"GATE"}),
    "switch { ": ({"IA32_EFER", "list", "swap"}, {"plain"}),
    "memory { hide ": ({"hypervisor", "local_apic"}, {"GATE"}),
    "memory { map everything identity ": ({"rwx", "r"}, {"hypervisor"}),
    "reset { from ": ({"system", "general"}, {"rax"}),
    "reset { ": ({"rax", "cr0", "from"}, {"GATE"}),
}
OUTSIDE = {
    "": ({"domain", "const", "exits", "vmcs", "hypercall"}, {"native", "GATE", "u32"}),
    "const A : ": ({"u8", "bool"}, {"cr0", "regs4"}),
    "const A : u8 = ": ({"GATE"}, {"host_cpuid", "guest"}),
    "extern f(a : u8) -> ": ({"u8", "regs4"}, {"cr0"}),
    "hypercall 9 f(a : u8) from ": ({"user", "root"}, {"guest"}),
    "hypercall 9 f(a : u8) from user errors ": ({"EINVAL", "EBUSY"}, {"user"}),
    "hypercall 9 f(a : u8) from user { fail ": ({"EINVAL"}, {"user"}),
    "hypercall 9 f(arg : u8) from user { return ": ({"arg", "GATE"}, {"advance"}),
    "domain d under ": ({"vmm"}, {"guest"}),
    "exits { 3 foo when ": ({"primary", "secondary", "io", "not"}, {"GATE"}),
    "exits { 3 foo when primary.": ({"hlt_exiting"}, {"nmi_exiting"}),
    "exits { 3 foo always length ": ({"field", "none", "decoder"}, {"always"}),
    "exits { 3 foo always length none qualification ": ({"io_qualification", "cr0"}, {"rax"}),
    "exits { 3 foo always length none qualification io_qualification => event f { a = qualification.": (
        {"port", "input"}, {"pe"}),
    "controls x in ": ({"pin_controls", "primary_controls"}, {"IA32_PAT"}),
    "controls x in pin_controls via ": ({"IA32_VMX_PINBASED_CTLS"}, {"pin_controls"}),
    "msrs { 0x10 IA32_TSC : ": ({"plain", "vmx"}, {"IA32_PAT"}),
    "/// Words. SDM: ": ({"2.5", "26.1"}, {"GATE"}),
    "/// Words ": (set(), {"2.5", "domain"}),
    "// SDM ": (set(), {"2.5", "domain"}),
    'manual "': (set(), {"domain"}),
}  # fmt: skip


@pytest.mark.parametrize("text", COMPLETIONS)
def test_completion_in_a_domain(text: str) -> None:
    check_completion(f"{SMALL}\n/// Another.\ndomain other {{\n    {text}", *COMPLETIONS[text])


@pytest.mark.parametrize("text", OUTSIDE)
def test_completion_of_declarations(text: str) -> None:
    check_completion(f"{SMALL}\n{text}", *OUTSIDE[text])


@pytest.mark.parametrize("text", [one for one in COMPLETIONS if one.endswith(".")])
def test_completion_of_a_word_that_is_begun(text: str) -> None:
    check_completion(f"{SMALL}\ndomain other {{\n    {text}x", *COMPLETIONS[text])


def test_completion_under_an_error_of_another_declaration() -> None:
    check_completion(f"const = ;\n{SMALL}\nconst B ; u8\n\ndomain other {{\n    on cpuid(e) {{ e.", {"leaf"}, {"port"})


def test_completion_after_an_error_of_its_declaration() -> None:
    check_completion(f"{SMALL}\ndomain other {{\n    on cpuid(e) {{ advance }} on halt {{ guest.", {"rax"}, {"leaf"})


def check_completion(text: str, wanted: set[str], unwanted: set[str]) -> None:
    found = [one.text for one in complete(text, read_small().index)]
    assert wanted <= set(found) and not unwanted & set(found)
    assert len(found) == len(set(found))


def test_completion_offers_no_names_of_its_making() -> None:
    index = read_small().index
    before = {key: list(found) for key, found in index.definitions.items()}
    for text in COMPLETIONS:
        complete(f"{SMALL}\ndomain other {{\n    {text}", index)
    assert index.definitions == before
    assert not any(key[0] == LANGUAGE and key[-1].startswith("name_to") for key in index.uses)
