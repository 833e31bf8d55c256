"""Controls and VMCS fields."""

from __future__ import annotations

from codegen.checks.evaluate import setting_of
from codegen.insight.explain.context import Context
from codegen.insight.explain.find import find_named, read_number, unknown
from codegen.insight.explain.page import Page
from codegen.insight.words import say_condition, say_list, say_place
from codegen.model.choices import Domain
from codegen.model.facts import VmcsField

# ---- controls


def explain_control(word: str, context: Context) -> Page:
    """A control by its name, with or without its word."""
    known = {**{one.name: one for one in context.facts.controls.values()}, **context.facts.controls}
    control = find_named(word, "control", known)
    facts = context.facts
    page = Page(f"control {control.path}: bit {control.bit} of {facts.words[control.word].field}")
    page.fact = [*context.quote(control.span), *context.cite(control.span)]
    needs = say_condition(facts.control_needs[control.path])
    page.fact += [f"needs {needs}"] if needs != "always" else []
    page.fact += say_dependants(control.path, context)
    for domain in context.domains:
        page.choice += [say_setting(control.path, domain)]
    constant = control.path.replace(".", "_").upper()
    page.code = context.grep_code(rf"\b{constant}\b") + context.grep_code(rf"\"{control.path}\b", ["requirements.32.c"])
    page.tests = context.find_tests(rf"\b{constant}\b", rf"\b{control.name}\b")
    return page


def say_dependants(control: str, context: Context) -> list[str]:
    """What the control makes possible: other controls, exits, CPUID features."""
    facts = context.facts
    mark = f"control={control!r}"
    parts = {
        "needed by": [name for name, needs in facts.control_needs.items() if mark in repr(needs)],
        "decides exit": [one.name for one in facts.exits.values() if mark in repr(one.condition)],
        "needed by CPUID": [one.name for one in facts.features.values() if mark in repr(one.needs)],
    }
    return [f"{what} {say_list(names)}" for what, names in parts.items() if names]


def say_setting(control: str, domain: Domain) -> str:
    """What a domain says of it."""
    setting = domain.settings.get(control)
    place = say_place(setting.span) if setting else "not set"
    return f"{domain.name}: {setting_of(domain, control)} ({place})"


# ---- VMCS fields


def explain_vmcs(word: str, context: Context) -> Page:
    """A field by its encoding or name; a neutral name of guest state too."""
    fields = context.facts.vmcs
    number = read_number(word)
    if number is not None:
        field = next((one for one in fields.values() if one.encoding == number), None)
        if field is None:
            raise unknown(f"{number:#06x}", "VMCS field", [f"{one.encoding:#06x}" for one in fields.values()])
        return explain_field(field, context)
    state = context.facts.state.get(word.removeprefix("guest."))
    if state is not None and state.field is not None and word not in fields:
        return explain_field(fields[state.field], context)
    return explain_field(find_named(word, "VMCS field", fields), context)


def explain_field(field: VmcsField, context: Context) -> Page:
    """Its encoding, and who reads and writes it."""
    width = "natural width" if field.natural else f"{field.type.bits} bits"
    page = Page(f"vmcs {field.encoding:#06x}: {field.name}, {field.area}, {width}")
    page.fact = [*context.quote(field.span), *context.cite(field.span)]
    names = [one.name for one in context.facts.state.values() if one.field == field.name]
    page.fact += [f"bodies call it guest.{name}" for name in names]
    for domain in context.domains:
        values = [one for one, _ in domain.reset if one.field == field.name]
        page.choice += [f"{domain.name}: set after INIT (`reset`)" for _ in values]
    page.choice = page.choice or ["no choice names it"]
    constant = f"VMCS_{field.name.upper()}"
    page.code = context.grep_code(rf"\b{constant}\b")
    page.tests = context.find_tests(rf"\b{constant}\b", rf"\b{field.name}\b")
    return page
