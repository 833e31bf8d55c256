"""Explain an MSR, a port, a CPUID feature or leaf."""

from __future__ import annotations

import re
from itertools import takewhile

from codegen.check.evaluate import evaluate
from codegen.emit.bitmaps import make_io_bitmap, make_msr_bitmap
from codegen.emit.cpuid import feature_mask, make_row
from codegen.language.expressions import say_expression
from codegen.model.choices import Action, Domain
from codegen.model.facts import CpuidLeaf, Feature, Msr
from codegen.query.explain_context import Context, Page, find_named, read_number, shorten, unknown
from codegen.query.words import io_action, msr_action, say_action, say_list, say_place
from codegen.resolve.lift import lift_condition

# ---- MSRs and ports


DIRECTIONS = ("read", "write")


def explain_msr(word: str, context: Context) -> Page:
    """Explain an MSR by name or number; a number without a fact follows the default."""
    msrs = context.facts.msrs
    number = read_number(word)
    if number is None:
        folded = {name.lower(): one for name, one in msrs.items()}
        msr = folded.get(word.lower())
        if msr is None:
            raise unknown(word, "MSR", msrs)
        number = msr.first
    elif number >> 32:
        raise unknown(word, "MSR number of 32 bits", ())
    else:
        msr = next((one for one in msrs.values() if one.first <= number <= one.last), None)
    return explain_number(number, msr, context)


def explain_number(number: int, msr: Msr | None, context: Context) -> Page:
    """Explain the fact, if there is one, and each domain's policy."""
    page = Page(f"msr {number:#x}: {msr.name if msr else 'no fact names it'}{say_bank(msr)}")
    if msr:
        page.fact = [*context.quote(msr.span), *context.cite(msr.span)]
        page.fact += [f"guarded: {msr.guarded}"] if msr.guarded else []
        page.fact += [f"needed by CPUID {one}" for one in find_features(msr, context)]
    for domain in context.domains:
        page.choice += [line for direction in DIRECTIONS for line in say_msr(number, direction, domain, context)]
        for one in domain.switched:
            if msr and one.msr.name == msr.name:
                page.choice += [f"{domain.name} switches it, by {one.means} ({say_place(one.span)})"]
        page.choice += [f"{domain.name}: {say_bitmap(number, domain)}"]
    names = [msr.name] if msr else []
    page.code = context.grep_code("|".join([rf"\b{number:#x}\b(?!\.\.)(?=.*/\*)", *(rf"\b{name}\b" for name in names)]))
    page.tests = context.find_tests(rf"\b{number:#x}\b", *(rf"\b{name}\b" for name in names))
    return page


def say_bank(msr: Msr | None) -> str:
    return f", of a bank {msr.first:#x}..{msr.last:#x}" if msr and msr.first != msr.last else ""


def find_features(msr: Msr, context: Context) -> list[str]:
    """Return the CPUID features that need the MSR."""
    return [one.name for one in context.facts.features.values() if f"msr={msr.name!r}" in repr(one.needs)]


def say_msr(number: int, direction: str, domain: Domain, context: Context) -> list[str]:
    """Return the action for a direction, and its place."""
    action, rule = msr_action(number, direction, domain)
    return say_access(f"{domain.name} {direction}", action, "" if rule else "the default: ", context)


def say_access(who: str, action: Action, prefix: str, context: Context) -> list[str]:
    """Return an action, its place, and its body if it has one."""
    head = f"{who}: {prefix}{say_action(action)} ({say_place(action.span)})"
    lines = context.quote(action.span)[2:] if action.body is not None else []
    body = takewhile(lambda line: not line.startswith("  }"), lines)
    return [head, *(f"  {line}" for line in body)]


def say_bitmap(number: int, domain: Domain) -> str:
    """Return what the MSR bitmap says for it. SDM: 25.6.9"""
    places = {direction: domain.bitmaps["msr"].find(direction, number) for direction in DIRECTIONS}
    if None in places.values():
        return "every access causes a VM exit: the MSR bitmap does not cover this number"
    bitmap = make_msr_bitmap(domain)
    exiting = [direction for direction, place in places.items() if place and bitmap[place // 8] >> place % 8 & 1]
    return f"VM exit on {say_list(exiting)}" if exiting else "no VM exit: both bits of the MSR bitmap are clear"


def explain_port(word: str, context: Context) -> Page:
    """Explain a port by name or number."""
    ports = context.facts.ports
    number = read_number(word)
    if number is None and word not in ports:
        raise unknown(word, "port", ports)
    if number is not None and number >> 16:
        raise unknown(word, "port number of 16 bits", ())
    first = ports[word].first if number is None else number
    port = next((one for one in ports.values() if one.first <= first <= one.last), None)
    page = Page(f"port {first:#x}: {port.name if port else 'no fact names it'}")
    page.fact = [*context.quote(port.span), *context.cite(port.span)] if port else []
    for domain in context.domains:
        for direction in DIRECTIONS:
            action, rule = io_action(first, direction, domain)
            page.choice += say_access(f"{domain.name} {direction}", action, "" if rule else "the default: ", context)
        place = domain.bitmaps["io"].find("access", first) or 0
        exits = make_io_bitmap(domain)[place // 8] >> place % 8 & 1
        page.choice += [f"{domain.name}: {'VM exit in both directions' if exits else 'no VM exit: its bit is clear'}"]
    names = [port.name] if port else []
    patterns = [rf"\bPORT_{name.upper()}\b|\b{name}\b" for name in names]
    page.code = context.grep_code("|".join([rf"case {first:#x}: /\*", *patterns]))
    page.tests = context.find_tests(rf"\b{first:#x}\b", *(rf"\b{name}\b" for name in names))
    return page


# ---- CPUID


CPUID = re.compile(r"(0x[0-9a-fA-F]+|\d+)(?:\.(0x[0-9a-fA-F]+|\d+))?(?:\.(e[abcd]x)(?:\.(\d+))?)?")


def explain_cpuid(word: str, context: Context) -> Page:
    """Explain a feature by name or place, or a whole leaf."""
    found = CPUID.fullmatch(word)
    if not found:
        return explain_features([find_named(word, "CPUID feature", context.facts.features)], word, context)
    leaf, subleaf = int(found[1], 0), int(found[2], 0) if found[2] else None
    leaves = [one for one in context.facts.leaves if covers(one, leaf, subleaf)]
    features = [
        one for one in context.facts.features.values()
        if one.leaf in leaves and found[3] in (None, one.register) and holds_bit(one, found[4])
    ]  # fmt: skip
    if features:
        return explain_features(features, word, context)
    return explain_values(word, leaf, leaves, context)


def covers(one: CpuidLeaf, leaf: int, subleaf: int | None) -> bool:
    if not one.first <= leaf <= one.last:
        return False
    return subleaf is None or (one.subleaves is None and subleaf == 0) or bool(
        one.subleaves and one.subleaves[0] <= subleaf <= one.subleaves[1])


def holds_bit(feature: Feature, bit: str | None) -> bool:
    return bit is None or feature.low <= int(bit) <= feature.high


def explain_values(word: str, leaf: int, leaves: list[CpuidLeaf], context: Context) -> Page:
    """Explain a leaf or a bit without features: a value that is passed, one of the hypervisor, or nothing."""
    page = Page(f"cpuid {word}: {'no feature there' if leaves else 'no fact names it'}")
    for one in leaves:
        page.fact += [*shorten(context.quote(one.span), 8), *context.cite(one.span)]
    for domain in context.domains:
        if domain.under:
            page.choice += [say_vmm(domain)]
            continue
        own = [values for number, values in domain.cpuid.own if number == leaf]
        page.choice += [
            f"{domain.name}: a leaf that the hypervisor defines: " + ", ".join(map(hex, values)) for values in own
        ]
        rest = "registers declared as values are passed, all other bits are 0" if leaves else "zeros"
        page.choice += [] if own else [f"{domain.name}: {rest}"]
    page.code = context.grep_code(rf"(CPUID_SHOWN\(|leaf == |\[|\.\.\. |= \{{){leaf:#x}\b", find_cpuid_files(context))
    page.tests = context.find_tests(rf"\b{leaf:#x}\b") if leaf > 9 else []
    return page


def find_cpuid_files(context: Context) -> list[str]:
    """Return the generated files that hold CPUID policies."""
    hosts = [one.name for one in context.domains if not one.under]
    return [f"{context.processor}/{name}_{part}.c" for name in hosts for part in ("tables", "handlers")]


def explain_features(features: list[Feature], word: str, context: Context) -> Page:
    """Explain one feature in full, several in a line each."""
    if len(features) > 1:
        return explain_many(features, word, context)
    feature = features[0]
    page = Page(f"cpuid {say_bit(feature)}: {feature.name}")
    page.fact = [*context.quote(feature.span), *context.cite(feature.span)]
    needs = say_expression(lift_condition(feature.needs))
    page.fact += [f"needs {needs}"] if needs != "always" else []
    for domain in context.domains:
        place = say_place(domain.cpuid.places.get(feature.name, domain.cpuid.span))
        shown = f"{domain.name}: {say_shown(feature, domain)} ({place})"
        page.choice += [say_vmm(domain) if domain.under else shown]
    page.code = find_leaf(feature, context)
    for domain in context.domains:
        page.code += find_late(feature, domain, context)
    page.tests = context.find_tests(rf"\b{feature.name}\b")
    return page


def find_leaf(feature: Feature, context: Context) -> list[str]:
    """Return the row of the first domain's tables that masks the feature's leaf."""
    for domain in context.domains:
        if not domain.under:
            row = make_row(feature.leaf, context.model, domain)
            pattern = rf"(CPUID_SHOWN\(|\[){re.escape(row.index)}(,|\])"
            return context.grep_code(pattern, [f"{context.processor}/{domain.name}_tables.c"])[:1]
    return []


def find_late(feature: Feature, domain: Domain, context: Context) -> list[str]:
    """Return the lines that clear the feature at boot if the processor lacks what it needs."""
    name = f"{context.processor}/{domain.name}_tables.c"
    removal = f"&= ~{feature_mask(feature):#x}u; /* {feature.name} */"
    lines = context.generated.get(name, [])
    found = [number for number, line in enumerate(lines) if line.strip().endswith(removal)]
    return [f"generated/{name}:{at + 1}: {lines[at].strip()}" for number in found[:1] for at in (number - 1, number)]


def explain_many(features: list[Feature], word: str, context: Context) -> Page:
    """Explain which of a leaf's features each domain sees."""
    page = Page(f"cpuid {word}: {len(features)} features")
    page.fact = [*context.quote(features[0].leaf.span)[:2], *context.cite(features[0].leaf.span)]
    for domain in context.domains:
        if domain.under:
            page.choice += [say_vmm(domain)]
            continue
        shown = [one for one in features if one in domain.cpuid.shown]
        hidden = [one for one in features if one not in domain.cpuid.shown]
        page.choice += [f"{domain.name} sees {len(shown)}:", *wrap_names(shown)]
        page.choice += [f"{domain.name} does not see {len(hidden)}:", *wrap_names(hidden)] if hidden else []
    page.code = find_leaf(features[0], context)
    page.tests = ["ask for one of the features to see its tests"]
    return page


def wrap_names(features: list[Feature]) -> list[str]:
    names = [one.name for one in features]
    return [f"  {say_list(names[at : at + 8])}" for at in range(0, len(names), 8)]


def say_vmm(domain: Domain) -> str:
    """Return a line for a domain whose CPUID its VMM decides."""
    return f"{domain.name}: CPUID is reflected to the VMM, which decides the values"


def say_bit(feature: Feature) -> str:
    """Return a feature's place, such as `7.0.ebx.10`."""
    leaf = str(feature.leaf.first) if feature.leaf.first < 0x40 else f"{feature.leaf.first:#x}"
    subleaf = f".{feature.leaf.subleaves[0]}" if feature.leaf.subleaves else ""
    bits = str(feature.low) if feature.low == feature.high else f"{feature.low}..{feature.high}"
    return f"{leaf}{subleaf}.{feature.register}.{bits}"


def say_shown(feature: Feature, domain: Domain) -> str:
    """Return under which condition the domain sees a feature."""
    if feature not in domain.cpuid.shown:
        return "hidden"
    if feature.mirrors:
        return f"follows the guest's {feature.mirrors[0]}.{feature.mirrors[1].name}"
    if feature in domain.cpuid.forced:
        return "shown on every processor"
    late = evaluate(feature.needs, domain).can_fail
    return f"shown if the processor has it{' and supports what it needs' if late else ''}"
