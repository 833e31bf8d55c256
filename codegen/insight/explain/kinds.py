"""What can be explained, and how its name is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from codegen.insight.explain.context import Context
from codegen.insight.explain.cpuid import explain_cpuid
from codegen.insight.explain.exits import explain_event, explain_exit
from codegen.insight.explain.page import Page
from codegen.insight.explain.processor import explain_control, explain_vmcs
from codegen.insight.explain.tables import explain_msr, explain_port
from codegen.insight.explain.toolchain import explain_error, explain_hypercall
from codegen.insight.reading import BadArgument

USAGE = """\
explain takes what and which, with a domain before it if only that one is meant:
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
    """The screen for a kind and a name; BadArgument says what it takes."""
    if len(words) > 2 and words[0] in context.model.domains:
        return explain(words[1:], replace(context, domain=words[0]))
    if not words:
        raise BadArgument(USAGE)
    if words[0] not in KINDS:
        raise BadArgument(f"`{words[0]}` is nothing that can be explained{near(words[0], KINDS)}\n{USAGE}")
    if len(words) != 2:
        raise BadArgument(f"explain {words[0]} takes one name or number, {len(words) - 1} are given\n{USAGE}")
    return KINDS[words[0]](words[1], context).write()


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, where something is near."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else ""
