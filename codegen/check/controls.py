"""Controls and CPUID features have what they need."""

from __future__ import annotations

from codegen import errors
from codegen.check.evaluate import evaluate, explain, setting_of, split, table_traps
from codegen.diagnostics import Reporter
from codegen.model import ir
from codegen.model.choices import Domain, Model, Setting, Switched
from codegen.model.facts import Feature
from codegen.source import Span


def check_control_needs(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report controls without what they need; a `prefer` may rest on a `prefer`, granted with it. SDM: 27.2.1"""
    for setting in domain.settings.values():
        if setting.value != "off":
            for need in split(model.facts.control_needs[setting.control]):
                check_need(setting, need, model, domain, reporter)


def check_need(setting: Setting, need: ir.Condition, model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report one need of one control, at the setting."""
    truth = evaluate(need, domain)
    lenient = setting.value in ("prefer", "switched")
    if truth.can_hold and (lenient or not truth.can_fail):
        return
    control = model.facts.controls[setting.control]
    by = f" by `{setting.origin}`" if setting.origin else ""
    message = f"`{setting.control}` is {setting.value}{by} but {explain(need, domain, model.facts)}"
    help = suggest(setting, need, domain)
    errors.control_needs(reporter, setting.span, message, control.needs_span, help)


def suggest(setting: Setting, need: ir.Condition, domain: Domain) -> str:
    """Return what would make the need hold."""
    other = f"do not {setting.origin}" if setting.origin else f"turn `{setting.control}` off"
    if isinstance(need, ir.ControlAtom):
        return f"turn `{need.control}` on, or {other.replace('turn ', '', 1)}"
    if isinstance(need, ir.NotCondition) and isinstance(need.operand, ir.ControlAtom):
        return f"turn `{need.operand.control}` off, or {other.replace('turn ', '', 1)}"
    return other


def check_switched_msrs(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report MSRs that VMCS fields switch while a control for saving or loading them is off."""
    for one in domain.switched:
        for how, control in one.msr.switched.controls if one.msr.switched and one.how == "fields" else ():
            if setting_of(domain, control) != "on":
                report_switch(one, how, control, model, domain, reporter)


def check_ports(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report a domain that forwards every port without the control that makes every port cause a VM exit."""
    bitmap = domain.bitmaps.get("io")
    if domain.io.default_read.kind != "forward" or bitmap is None or not bitmap.otherwise:
        return
    for control, wanted in ((bitmap.otherwise, "on"), (bitmap.used, "off")):
        found = setting_of(domain, control)
        if found != wanted:
            message = f"{domain.name} forwards every port but `{control}` is {found}"
            fact = model.facts.controls[control].span if control in model.facts.controls else domain.span
            errors.control_needs(reporter, domain.io.span, message, fact, f"turn `{control}` {wanted}")


def check_tables(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report a policy that traps accesses on a processor that, with these controls, lets all of them pass."""
    tables = {"io": ("io", "io.traps"), "msr_read": ("msr", "msr.read_traps"), "msr_write": ("msr", "msr.write_traps")}
    for event, (table, traps) in tables.items():
        bitmap = domain.bitmaps.get(table)
        found = model.facts.events.get(event)
        exits = [model.facts.exits[name].condition for name in found.exits] if found else []
        if bitmap and exits and table_traps(traps, domain) and not any(evaluate(one, domain).can_hold for one in exits):
            what, span = ("ports", domain.io.span) if table == "io" else ("MSRs", domain.msr.span)
            message = f"{domain.name} traps {what} but `{bitmap.used}` is {setting_of(domain, bitmap.used)}"
            errors.control_needs(reporter, span, message, bitmap.span, f"turn `{bitmap.used}` on: trap {event}")


def report_switch(one: Switched, how: str, control: str, model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report the control that is missing, and which part of switching the MSR it does."""
    message = f"{one.msr.name} is switched but {explain(ir.ControlAtom(control, one.span), domain, model.facts)}"
    help = f"turn `{control}` on: it is how the processor does the {how} part; or write `list {one.msr.name};`"
    fact = one.msr.switched.span if one.msr.switched else one.msr.span
    errors.control_needs(reporter, one.span, message, fact, help)


def check_features(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report features without what they need, those together that lack the same.

    One that rests on a `prefer` is shown where the processor has it.
    """
    lacking: dict[str, tuple[ir.Condition, list[Feature]]] = {}
    for feature in domain.cpuid.shown:
        for need in split(feature.needs):
            if not evaluate(need, domain).can_hold:
                _, features = lacking.setdefault(explain(need, domain, model.facts), (need, []))
                features.append(feature)
    for missing, (need, features) in lacking.items():
        facts = {one.name: find_need(one, need) for one in features}
        errors.feature_needs(reporter, domain.cpuid.span, facts, missing, find_choice(need, domain))


def find_need(feature: Feature, need: ir.Condition) -> Span:
    """Return where a feature asks for something: in the machine's facts, or in the processor's."""
    return feature.own_span if need in split(feature.own) else feature.needs_span


def find_choice(need: ir.Condition, domain: Domain) -> Span | None:
    """Return the setting or the rule that a need of a feature fails by, if one is there."""
    if isinstance(need, ir.ControlAtom):
        setting = domain.settings.get(need.control)
        return setting.span if setting else None
    if isinstance(need, ir.MsrAtom):
        return next((one.action.span for one in domain.msr.write if one.name == need.msr), None)
    return None
