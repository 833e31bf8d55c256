"""MSRs and ports: what each direction comes to."""

from __future__ import annotations

from itertools import takewhile

from codegen.emit.bitmaps import make_io_bitmap, make_msr_bitmap
from codegen.insight.access import io_action, msr_action
from codegen.insight.explain.context import Context
from codegen.insight.explain.find import read_number, unknown
from codegen.insight.explain.page import Page
from codegen.insight.words import say_action, say_list, say_place
from codegen.model.choices import Action, Domain
from codegen.model.facts import Msr

DIRECTIONS = ("read", "write")
BITMAP_HALVES = {0x0: 0, 0xC0000000: 1024}
BITMAP_SPAN = 0x2000


def explain_msr(word: str, context: Context) -> Page:
    """An MSR by name or number; a number that no fact names follows the default."""
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
    """The fact if there is one, and each domain's policy."""
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
        page.choice += [f"{domain.name} {say_bitmap(number, domain)}"]
    names = [msr.name] if msr else []
    page.code = context.grep_code("|".join([rf"\b{number:#x}\b(?!\.\.)(?=.*/\*)", *(rf"\b{name}\b" for name in names)]))
    page.tests = context.find_tests(rf"\b{number:#x}\b", *(rf"\b{name}\b" for name in names))
    return page


def say_bank(msr: Msr | None) -> str:
    return f", of a bank {msr.first:#x}..{msr.last:#x}" if msr and msr.first != msr.last else ""


def find_features(msr: Msr, context: Context) -> list[str]:
    """CPUID features that need the MSR."""
    return [one.name for one in context.facts.features.values() if f"msr={msr.name!r}" in repr(one.needs)]


def say_msr(number: int, direction: str, domain: Domain, context: Context) -> list[str]:
    """The action for a direction, and the rule that says so."""
    action, rule = msr_action(number, direction, domain)
    return say_access(f"{domain.name} {direction}", action, "" if rule else "the default: ", context)


def say_access(who: str, action: Action, prefix: str, context: Context) -> list[str]:
    """What is done, where it says so, and the body where there is one."""
    head = f"{who}: {prefix}{say_action(action)} ({say_place(action.span)})"
    lines = context.quote(action.span)[2:] if action.body is not None else []
    body = takewhile(lambda line: not line.startswith("  }"), lines)
    return [head, *(f"  {line}" for line in body)]


def say_bitmap(number: int, domain: Domain) -> str:
    """What the MSR bitmap has for it. SDM: 25.6.9"""
    base = next((one for one in BITMAP_HALVES if one <= number < one + BITMAP_SPAN), None)
    if base is None:
        return "leaves for it whatever the bitmap says: it is outside"
    bitmap = make_msr_bitmap(domain)
    offset, bit = BITMAP_HALVES[base] + (number - base) // 8, number % 8
    bits = {"read": bitmap[offset] >> bit & 1, "write": bitmap[offset + 2048] >> bit & 1}
    leaving = [direction for direction, value in bits.items() if value]
    return f"leaves for it on {say_list(leaving)}" if leaving else "never leaves for it: both bits are clear"


def explain_port(word: str, context: Context) -> Page:
    """A port by name or number."""
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
        leaves = make_io_bitmap(domain)[first // 8] >> first % 8 & 1
        page.choice += [f"{domain.name} {'leaves for both directions' if leaves else 'never leaves for it'}"]
    names = [port.name] if port else []
    patterns = [rf"\bPORT_{name.upper()}\b|\b{name}\b" for name in names]
    page.code = context.grep_code("|".join([rf"case {first:#x}: /\*", *patterns]))
    page.tests = context.find_tests(rf"\b{first:#x}\b", *(rf"\b{name}\b" for name in names))
    return page
