"""Hypercalls, and the compiler's own errors."""

from __future__ import annotations

import re

from codegen.insight.explain.context import Context
from codegen.insight.explain.find import find_named, read_number, unknown
from codegen.insight.explain.page import Page, shorten
from codegen.insight.words import outcomes_of, say_list

ERROR = re.compile(r'Diagnostic\(\s*"([a-z-]+)"')


def explain_hypercall(word: str, context: Context) -> Page:
    """A hypercall by number or name."""
    calls = context.model.hypercalls
    number = read_number(word)
    call = next((one for one in calls.values() if one.number == number), None)
    if call is None and number is not None:
        raise unknown(word, "hypercall number", [str(one.number) for one in calls.values()])
    call = call or find_named(word, "hypercall", calls)
    page = Page(f"hypercall {call.number}: {call.signature} from {', '.join(call.callers)}")
    page.fact = [call.doc.summary]
    page.choice = [*context.quote(call.span), f"ends in {say_list(outcomes_of(call.body.statements))}"]
    page.choice += [f"errors: {', '.join(call.errors)}"] if call.errors else []
    page.code = context.grep_code(rf"\bLUV_HYPERCALL_{call.name}\b", ["luvalley_abi.h"])
    for domain in context.domains:
        page.code += context.quote_function(f"hypercall_{call.name}", f"{domain.name}_handlers.c")
    page.tests = context.taken_arms(f"hypercall {call.name}")
    page.tests += context.find_tests(rf"\bLUV_HYPERCALL_{call.name}\b", rf"\b{call.name}\b")
    return page


def explain_error(word: str, context: Context) -> Page:
    """An error of the compiler: its page, the function that files it, a spec that has it, and the message."""
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
    """What docs/errors.md says under the error's name."""
    path = context.root / "docs" / "errors.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(rf"^#+ `?{word}`?\n+(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in found[1].split("\n") if line.strip()] if found else []
    return [f"docs/errors.md: {word}", *shorten(lines, 12)] if lines else []


def find_function(word: str, code: str) -> list[str]:
    """The function of codegen/errors.py that files it."""
    lines = code.split("\n")
    at = next(number for number, line in enumerate(lines) if f'"{word}"' in line)
    start = next(number for number in range(at, -1, -1) if lines[number].startswith("def "))
    return [f"codegen/errors.py:{start + 1}: {lines[start]}"]
