"""`build.py explain`: one thing of the spec on one screen: the fact, the choice, the code, the tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from codegen.check.evaluate import setting_of
from codegen.language.expressions import say_expression
from codegen.model.choices import Domain
from codegen.model.facts import Exit, VmcsField
from codegen.query.coverage import Row
from codegen.query.explain_access import explain_cpuid, explain_msr, explain_port
from codegen.query.explain_context import Context, Page, find_named, read_number, shorten, unknown
from codegen.query.reading import BadArgument
from codegen.query.words import outcomes_of, say_list, say_place
from codegen.resolve.lift import lift_condition

# ---- exits and events


def explain_exit(word: str, context: Context) -> Page:
    """Explain a basic exit reason, by number or name."""
    number = read_number(word)
    exits = context.facts.exits
    if number is None:
        return explain_known_exit(find_named(word, "exit", exits), context)
    found = next((one for one in exits.values() if one.number <= number <= one.last), None)
    if found is not None:
        return explain_known_exit(found, context)
    if number not in context.facts.reserved_exits:
        raise unknown(word, f"exit reason between 0 and {max((one.number for one in exits.values()), default=0)}", ())
    fact = context.quote(context.facts.reserved_exits[number])
    title = f"exit {number}: reserved by the manual's edition {context.facts.edition}"
    return Page(title, fact, tests=["none, as no exit has this number"])


def explain_known_exit(exit: Exit, context: Context) -> Page:
    """Explain its condition and length, and how each domain handles it."""
    condition = say_expression(lift_condition(exit.condition))
    when = "unconditional" if condition == "always" else condition if condition == "never" else f"when {condition}"
    page = Page(f"exit {exit.number}: {exit.name}, {when}")
    page.fact = [*shorten(context.quote(exit.span), 8), *context.cite(exit.span)]
    for domain in context.domains:
        row = context.coverages[domain.name].find(exit)
        page.choice += say_row(row, domain)
        if row.answers:
            page.code += quote_exit(exit, domain, context)
        for answer in dict.fromkeys(row.answers):
            page.code += context.quote_function(f"on_{answer.event}", f"{context.processor}/{domain.name}_handlers.c")
        page.tests += context.taken_exit(domain.name, exit.number)
    plain = rf"\b{exit.name}\b" if "_" in exit.name else rf"[\"'`]{exit.name}\b"
    page.tests += context.find_tests(rf"\bEXIT_REASON_{exit.name}\b", rf"exits? {exit.name}\b", plain)
    return page


def quote_exit(exit: Exit, domain: Domain, context: Context) -> list[str]:
    """Quote the exit's function, and its entry in the dispatch table."""
    handlers = f"{context.processor}/{domain.name}_handlers.c"
    function = context.quote_function(f"{domain.name}_exit_{exit.name}", handlers)
    row = rf"_exit {domain.name}, EXIT_REASON_{exit.name.upper()},"
    return function + context.grep_code(row, [f"{context.processor}/exits.asm"])


def say_row(row: Row, domain: Domain) -> list[str]:
    """Return a row of the exit coverage, and why."""
    why = [f"  {one.text}" + (f" ({say_place(one.span)})" if one.is_choice else "") for one in row.reasons]
    answers = [
        f"  {one.event}: {one.by} at {say_place(one.span)} with outcomes {say_list(one.outcomes)}"
        for one in dict.fromkeys(row.answers)
    ]
    return [f"{domain.name}: {row.status}", *why, *answers]


def explain_event(word: str, context: Context) -> Page:
    """Explain an event: its payload, the exits that raise it, its handler in each domain."""
    event = find_named(word, "event", context.facts.events)
    payload = ", ".join(f"{name} : {type.name}" for name, type in event.payload) or "no payload"
    page = Page(f"event {event.name}: {payload}")
    page.fact = [f"from exit{'s' if len(event.exits) > 1 else ''} {say_list(event.exits)}"]
    page.fact += [*context.quote(context.facts.exits[event.exits[0]].span), *context.cite(event.span)]
    for domain in context.domains:
        coverage = context.coverages[domain.name]
        exits = [context.facts.exits[name] for name in dict.fromkeys(event.exits)]
        rows = [coverage.find(exit) for exit in exits]
        page.choice += [f"{domain.name}:"]
        page.choice += [f"  exit {row.name}: {row.status}" for row in rows]
        handler = domain.handlers.get(event.name)
        if handler:
            page.choice += [f"  {line}" for line in shorten(context.quote(handler.span), 12)]
        page.code += quote_event(event.name, [row.name for row in rows], domain, context)
        page.tests += context.taken_branches(f"{domain.name} on {event.name}")
    page.tests += context.find_tests(rf"\bon {event.name}\b", rf"[\"'`]{event.name}\b")
    return page


def quote_event(event: str, exits: list[str], domain: Domain, context: Context) -> list[str]:
    """Quote an event's function, or that of the exit that alone raises it and so handles it in place."""
    file = f"{context.processor}/{domain.name}_handlers.c"
    shared = context.quote_function(f"on_{event}", file)
    return shared or [line for exit in exits for line in context.quote_function(f"{domain.name}_exit_{exit}", file)]


# ---- controls


def explain_control(word: str, context: Context) -> Page:
    """Explain a control by its name, with or without its word."""
    known = {**{one.name: one for one in context.facts.controls.values()}, **context.facts.controls}
    control = find_named(word, "control", known)
    facts = context.facts
    page = Page(f"control {control.path}: bit {control.bit} of {facts.words[control.word].field}")
    page.fact = [*context.quote(control.span), *context.cite(control.span)]
    needs = say_expression(lift_condition(facts.control_needs[control.path]))
    page.fact += [f"needs {needs}"] if needs != "always" else []
    page.fact += say_dependants(control.path, context)
    for domain in context.domains:
        page.choice += [say_setting(control.path, domain)]
    constant = control.path.replace(".", "_").upper()
    page.code = context.grep_code(rf"\b{constant}\b")
    page.code += context.grep_code(rf"\"{control.path}\b", [f"{context.processor}/requirements.32.c"])
    page.tests = context.find_tests(rf"\b{constant}\b", rf"\b{control.name}\b")
    return page


def say_dependants(control: str, context: Context) -> list[str]:
    """Return what needs the control: other controls, exits, CPUID features."""
    facts = context.facts
    mark = f"control={control!r}"
    parts = {
        "needed by": [name for name, needs in facts.control_needs.items() if mark in repr(needs)],
        "affects exit": [one.name for one in facts.exits.values() if mark in repr(one.condition)],
        "needed by CPUID": [one.name for one in facts.features.values() if mark in repr(one.needs)],
    }
    return [f"{what} {say_list(names)}" for what, names in parts.items() if names]


def say_setting(control: str, domain: Domain) -> str:
    """Return a domain's setting of a control."""
    setting = domain.settings.get(control)
    place = say_place(setting.span) if setting else "not set"
    place = f"by `{setting.origin}`, {place}" if setting and setting.origin else place
    return f"{domain.name}: {setting_of(domain, control)} ({place})"


# ---- VMCS fields


def explain_vmcs(word: str, context: Context) -> Page:
    """Explain a field by its encoding or name, or by the neutral name of guest state."""
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
    """Explain its encoding, and who reads and writes it."""
    width = "natural width" if field.natural else f"{field.type.bits} bits"
    page = Page(f"vmcs {field.encoding:#06x}: {field.name}, {field.area}, {width}")
    page.fact = [*context.quote(field.span), *context.cite(field.span)]
    names = [one.name for one in context.facts.state.values() if one.field == field.name]
    page.fact += [f"handlers access it as guest.{name}" for name in names]
    for domain in context.domains:
        values = [one for one, _ in domain.reset if one.field == field.name]
        page.choice += [f"{domain.name}: set after INIT (`reset`)" for _ in values]
    page.choice = page.choice or ["no domain initializes it after INIT"]
    constant = f"VMCS_{field.name.upper()}"
    page.code = context.grep_code(rf"\b{constant}\b")
    page.tests = context.find_tests(rf"\b{constant}\b", rf"\b{field.name}\b")
    return page


# ---- hypercalls, and the compiler's errors


ERROR = re.compile(r'Diagnostic\(\s*"([a-z-]+)"')


def explain_hypercall(word: str, context: Context) -> Page:
    """Explain a hypercall by number or name."""
    calls = context.model.hypercalls
    number = read_number(word)
    call = next((one for one in calls.values() if one.number == number), None)
    if call is None and number is not None:
        raise unknown(word, "hypercall number", [str(one.number) for one in calls.values()])
    call = call or find_named(word, "hypercall", calls)
    page = Page(f"hypercall {call.number}: {call.signature} from {', '.join(call.callers)}")
    page.fact = [call.doc.summary]
    page.choice = [*context.quote(call.span), f"outcomes: {say_list(outcomes_of(call.body.statements))}"]
    page.choice += [f"errors: {', '.join(call.errors)}"] if call.errors else []
    page.code = context.grep_code(rf"\bLUV_HYPERCALL_{call.name}\b", ["abi/luvalley_abi.h"])
    for domain in context.domains:
        page.code += context.quote_function(f"hypercall_{call.name}", f"{context.processor}/{domain.name}_handlers.c")
    page.tests = context.taken_branches(f"hypercall {call.name}")
    page.tests += context.find_tests(rf"\bLUV_HYPERCALL_{call.name}\b", rf"\b{call.name}\b")
    return page


def explain_error(word: str, context: Context) -> Page:
    """Explain a compiler error: its section of docs/errors.md, its function, a spec that causes it, the message."""
    code = (context.root / "codegen" / "errors.py").read_text(encoding="utf-8")
    names = ERROR.findall(code)
    if word not in names:
        raise find_unknown(word, names)
    page = Page(f"error {word}")
    page.fact = find_heading(word, context)
    page.code = find_function(word, code)
    rejected = sorted((context.root / "tests" / "compiler" / "reject").glob(f"{word}*.err"))
    page.tests = [f"tests/compiler/reject/{path.name}" for path in rejected[:3]]
    page.choice = shorten(rejected[0].read_text(encoding="utf-8").rstrip().split("\n"), 12) if rejected else []
    return page


def find_unknown(word: str, names: list[str]) -> Exception:
    return unknown(word, "error", dict.fromkeys(names))


def find_heading(word: str, context: Context) -> list[str]:
    """Return what docs/errors.md says under the error's name."""
    path = context.root / "docs" / "errors.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(rf"^#+ `?{word}`?\n+(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in found[1].split("\n") if line.strip()] if found else []
    return [f"docs/errors.md: {word}", *shorten(lines, 12)] if lines else []


def find_function(word: str, code: str) -> list[str]:
    """Return the function of codegen/errors.py that reports it."""
    lines = code.split("\n")
    at = next(number for number, line in enumerate(lines) if f'"{word}"' in line)
    start = next(number for number in range(at, -1, -1) if lines[number].startswith("def "))
    return [f"codegen/errors.py:{start + 1}: {lines[start]}"]


# ---- everything that can be explained, and how its name is read


USAGE = """\
usage: explain [DOMAIN] KIND NAME (with DOMAIN the answer covers that domain only)
  explain msr 0x1a0 | IA32_EFER           explain exit 48 | ept_violation        explain event cpuid
  explain cpuid 7.0.ebx.10 | 7 | invpcid  explain control unrestricted_guest     explain vmcs 0x681e | guest_rip
  explain hypercall 1 | exit_count        explain port 0x92 | system_control_a   explain error exit-unhandled"""

Explainer = Callable[[str, Context], Page]

KINDS: dict[str, Explainer] = {
    "msr": explain_msr,
    "exit": explain_exit,
    "event": explain_event,
    "cpuid": explain_cpuid,
    "control": explain_control,
    "vmcs": explain_vmcs,
    "hypercall": explain_hypercall,
    "port": explain_port,
    "error": explain_error,
}


def explain(words: Sequence[str], context: Context) -> str:
    """Return the screen for a kind and a name; raise BadArgument if there is none."""
    if len(words) > 2 and words[0] in context.model.domains:
        return explain(words[1:], replace(context, domain=words[0]))
    if not words:
        raise BadArgument(USAGE)
    if words[0] not in KINDS:
        raise BadArgument(f"`{words[0]}` is no kind of thing that can be explained{near(words[0], KINDS)}\n{USAGE}")
    if len(words) != 2:
        raise BadArgument(f"explain {words[0]} takes one name or number, not {len(words) - 1}\n{USAGE}")
    return KINDS[words[0]](words[1], context).write()


def near(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` if a known word is similar."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else ""
