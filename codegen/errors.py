"""Every error of the compiler: one function, one name, one heading in docs/errors.md.

Each function files its message with the reporter, so that an error which was built cannot be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

from codegen.diagnostics import Diagnostic, Note, Reporter
from codegen.source import NOWHERE, Name, Span

MAX_LISTED, MAX_PARTS = 8, 40
MAX_NOTES = 3  # places of facts that one message shows
PARTS = ("field of", "bit of", "value of")


def nearest(text: str, known: Iterable[str], most: int = MAX_LISTED) -> str:
    """Return a hint with the nearest known name, and with all of them where they are few."""
    names = list(dict.fromkeys(known))
    close = get_close_matches(text, names, n=1, cutoff=0.6)
    guess = f"did you mean `{close[0]}`?" if close else ""
    listed = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"
    return " ".join([*filter(None, [guess]), *([listed] if 0 < len(names) <= most and names != close else [])])


# ---- text and names


def syntax(reporter: Reporter, span: Span, found: str, expected: str, help: str = "") -> None:
    """Report text that does not parse; without `expected` it is of another language."""
    message = f"{found} is not {'expected here' if expected else 'of this language'}"
    label = f"expected {expected}" if expected else "not of this language"
    reporter.add(Diagnostic("syntax", span, message, label, help=help))


def missing_doc(reporter: Reporter, span: Span, what: str) -> None:
    """Report a declaration without `///`."""
    help = "put a line above it: /// What it is and why. SDM: 25.6.2"
    reporter.add(Diagnostic("missing-doc", span, f"{what} has no `///` documentation", "say what it is", help=help))


def unknown_section(reporter: Reporter, section: Name, edition: str, known: Iterable[str]) -> None:
    """Report a citation that is not in the manual's table."""
    message = f"the manual's edition {edition} has no section {section.text} in this spec's table"
    help = nearest(section.text, known, 0) or "add it to the manual's table with its title"
    reporter.add(Diagnostic("unknown-section", section.span, message, "not in the table", help=help))


def unknown_name(reporter: Reporter, name: Name, kind: str, known: Iterable[str], help: str = "") -> None:
    """Report a name that nothing of that kind has; the nearest is offered, or what to write instead."""
    message = f"no {kind} is named `{name.text}`"
    help = help or nearest(name.text, known, MAX_PARTS if kind.startswith(PARTS) else MAX_LISTED)
    reporter.add(Diagnostic("unknown-name", name.span, message, "unknown", help=help))


def duplicate_name(reporter: Reporter, name: Name, kind: str, first: Span) -> None:
    """Report a name that is taken."""
    note = Note(first, "the first one is here")
    message = f"`{name.text}` is declared twice: {kind}" if "`" in kind else f"{kind} `{name.text}` is declared twice"
    reporter.add(Diagnostic("duplicate-name", name.span, message, "again", (note,)))


def reserved_name(reporter: Reporter, name: Name, kind: str) -> None:
    """Report a name that is a word of C."""
    message = f"no {kind} can be named `{name.text}`: the generated C uses that name"
    reporter.add(Diagnostic("reserved-name", name.span, message, "used by C", help=f"call it `{name.text}_`, say"))


def duplicate_number(reporter: Reporter, span: Span, message: str, first: Span) -> None:
    """Report an encoding, bit, MSR, leaf or vector that is taken."""
    note = Note(first, "it is taken here")
    reporter.add(Diagnostic("duplicate-number", span, message, "taken", (note,)))


def duplicate_rule(reporter: Reporter, span: Span, message: str, first: Span) -> None:
    """Report two rules for one thing, neither stronger."""
    note = Note(first, "the first one is here")
    reporter.add(Diagnostic("duplicate-rule", span, message, "again", (note,)))


def redundant(reporter: Reporter, span: Span, message: str, first: Span, why: str) -> None:
    """Report a declaration without effect: another one has the same."""
    reporter.add(Diagnostic("redundant", span, message, "no effect", (Note(first, why),), "delete it"))


# ---- facts


def encoding_width(reporter: Reporter, name: Name, encoding: int, declared: str, encoded: str) -> None:
    """Report a VMCS encoding whose width differs from the declared type."""
    message = f"`{name.text}` is declared {declared}, but bits 14:13 of {encoding:#06x} say {encoded}"
    help = "SDM B, table 25-21: 0 is 16-bit, 1 is 64-bit, 2 is 32-bit, 3 is natural width"
    reporter.add(Diagnostic("encoding-width", name.span, message, f"{encoded} by its encoding", help=help))


def encoding_area(reporter: Reporter, name: Name, encoding: int, declared: str, encoded: str) -> None:
    """Report a VMCS encoding whose area differs from the group's."""
    message = f"`{name.text}` is declared among {declared} fields, but bits 11:10 of {encoding:#06x} say {encoded}"
    help = "SDM B, table 25-21: 0 is control, 1 is read-only, 2 is guest, 3 is host"
    reporter.add(Diagnostic("encoding-area", name.span, message, f"{encoded} by its encoding", help=help))


def out_of_range(reporter: Reporter, span: Span, message: str, label: str, help: str = "") -> None:
    """Report a number beyond its table."""
    reporter.add(Diagnostic("out-of-range", span, message, label, help=help))


def record_layout(reporter: Reporter, span: Span, message: str, label: str, first: Span | None = None) -> None:
    """Report a record's field that is misaligned, overlaps another, or lies outside."""
    notes = (Note(first, "this is declared here"),) if first else ()
    reporter.add(Diagnostic("record-layout", span, message, label, notes))


def payload_mismatch(reporter: Reporter, name: Name, event: str, message: str, first: Span) -> None:
    """Report exits that become one event with different payloads."""
    note = Note(first, f"event `{event}` got its payload here")
    reporter.add(Diagnostic("payload-mismatch", name.span, message, "differs", (note,)))


# ---- types


def type_mismatch(reporter: Reporter, span: Span, message: str, label: str, help: str = "") -> None:
    """Report an expression of another type or kind than the place requires."""
    reporter.add(Diagnostic("type-mismatch", span, message, label, help=help))


def too_wide(reporter: Reporter, span: Span, found: str, wanted: str, number: bool = False) -> None:
    """Report a value that does not fit."""
    help = "" if number else f"cast it if the upper bits may be lost: {wanted}(...)"
    message = f"{found if number else f'a value of type {found}'} does not fit into {wanted}"
    reporter.add(Diagnostic("too-wide", span, message, f"this is {found}", help=help))


def read_only(reporter: Reporter, span: Span, what: str, why: str, fact: Span) -> None:
    """Report a write to what bodies may not write."""
    note = Note(fact, "it is declared here")
    reporter.add(Diagnostic("read-only", span, f"`{what}` cannot be written: {why}", "written here", (note,)))


def not_valid_here(reporter: Reporter, span: Span, message: str, help: str) -> None:
    """Report a clause that is not valid at this place."""
    reporter.add(Diagnostic("not-valid-here", span, message, "not valid here", help=help))


# ---- controls


def control_needs(reporter: Reporter, span: Span, message: str, fact: Span, help: str) -> None:
    """Report a control that is on without another that it requires."""
    note = Note(fact, "the processor requires it here")
    reporter.add(Diagnostic("control-needs", span, message, "cannot be on", (note,), help))


def field_needs(reporter: Reporter, span: Span, field: str, why: str, fact: Span, help: str) -> None:
    """Report the use of a VMCS field that does not exist without a control that is off."""
    message = f"the VMCS has no field `{field}` here: {why}"
    note = Note(fact, "the field needs it here")
    reporter.add(Diagnostic("field-needs", span, message, "used here", (note,), help))


def native_trapped(reporter: Reporter, name: Name, first: Span) -> None:
    """Report an event that is both native and trapped."""
    note = Note(first, "the other one is here")
    message = f"`{name.text}` is both native and trapped"
    reporter.add(Diagnostic("native-trapped", name.span, message, "contradicts it", (note,), "delete one of the two"))


def native_exits(reporter: Reporter, name: Name, exit_name: str, why: str, fact: Span, choice: Span | None) -> None:
    """Report a native event that causes a VM exit; `choice` is the setting that contradicts."""
    message = f"`{name.text}` cannot be native: exit `{exit_name}` can happen ({why})"
    notes = (Note(fact, "what makes it exit"), *([Note(choice, "the setting that contradicts")] if choice else []))
    reporter.add(Diagnostic("native-exits", name.span, message, "causes an exit", notes))


def trap_never(reporter: Reporter, name: Name, why: str, fact: Span, choice: Span | None) -> None:
    """Report a trapped event that never causes a VM exit; `choice` is the setting that contradicts."""
    message = f"`{name.text}` cannot be trapped: no exit of it can happen ({why})"
    notes = (Note(fact, "what would make it exit"), *([Note(choice, "the setting that contradicts")] if choice else []))
    reporter.add(Diagnostic("trap-never", name.span, message, "never causes an exit", notes))


def host_state(reporter: Reporter, span: Span, rule: str, text: str, sections: str, fact: Span) -> None:
    """Report host state with which every VM entry fails."""
    message = f"host state breaks the rule `{rule}`: {text} (SDM {sections})"
    note = Note(fact, "VM entry checks it here")
    reporter.add(Diagnostic("host-state", span, message, "refused at every VM entry", (note,)))


# ---- coverage


def no_domain(reporter: Reporter) -> None:
    """Report a spec of facts alone."""
    help = "declare one: domain dom0 { ... }"
    reporter.add(Diagnostic("no-domain", NOWHERE, "the spec has no domain: there is nothing to run", help=help))



def exit_unhandled(reporter: Reporter, span: Span, domain: str, event: str, why: str, help: str) -> None:
    """Report an exit that can happen and has no handler."""
    message = f"in {domain}, `{event}` can happen and nothing handles it"
    reporter.add(Diagnostic("exit-unhandled", span, message, why, help=help))


def exit_impossible(reporter: Reporter, span: Span, domain: str, event: str, why: str, fact: Span) -> None:
    """Report a handler for what cannot happen."""
    message = f"in {domain}, `{event}` is handled and cannot happen"
    note = Note(fact, "what would make it happen")
    reporter.add(Diagnostic("exit-impossible", span, message, why, (note,), "delete the handler, or trap the event"))


def no_outcome(reporter: Reporter, span: Span, what: str, wanted: str) -> None:
    """Report a path that ends without an outcome."""
    message = f"a path through {what} ends without {wanted}"
    help = "end every path with advance, resume, inject, forward, reset or stop"
    if wanted == "a result":
        help = "end every path with return or fail"
    elif wanted == "an event":
        help = "let the last event have no `where`"
    reporter.add(Diagnostic("no-outcome", span, message, "it ends here", help=help))


def after_outcome(reporter: Reporter, span: Span, first: Span) -> None:
    """Report a statement or event that is never reached."""
    note = Note(first, "the path ends here")
    reporter.add(Diagnostic("after-outcome", span, "this is never reached", "unreachable", (note,)))


def advance_length(reporter: Reporter, span: Span, event: str, length: str, fact: Span) -> None:
    """Report `advance` where the instruction's length is unknown."""
    message = f"`advance` in `{event}`: the instruction's length is not a fact of this exit"
    note = Note(fact, f"its length is `{length}` here")
    help = "end with resume, inject or stop" if length == "none" else "give the decoded length: advance by LENGTH;"
    reporter.add(Diagnostic("advance-length", span, message, "unknown length", (note,), help))


def advance_known(reporter: Reporter, span: Span, event: str, fact: Span) -> None:
    """Report `advance by` where the processor knows the length."""
    message = f"`advance by` in `{event}`: the instruction's length is a fact of this exit"
    note = Note(fact, "its length is known here")
    reporter.add(Diagnostic("advance-known", span, message, "no need to say it", (note,), "write advance;"))


class Part(Protocol):
    """A part of a body's path: how many instructions it costs, and the branch it takes, if any."""

    @property
    def cost(self) -> int: ...

    @property
    def span(self) -> Span: ...

    @property
    def branch(self) -> str: ...


def over_budget(reporter: Reporter, span: Span, what: str, budget: int, path: Sequence[Part]) -> None:
    """Report a body that may execute more instructions than its budget, with its most expensive path."""
    cost, largest = sum(one.cost for one in path), max(path, key=lambda one: one.cost)
    message = f"{what} may cost {cost} instructions, its budget is {budget}"
    taken = " and ".join(f"`{one.branch}` of line {one.span.line}" for one in path if one.branch)
    text = f"the most expensive path{f', by {taken},' if taken else ''} ends here"
    notes = (Note(path[-1].span, text), Note(largest.span, f"its largest part, {largest.cost} of {cost}, is here"))
    help = f"shorten that path, or allow it: budget {cost}"
    reporter.add(Diagnostic("over-budget", span, message, f"budget {budget}", notes, help))


def unused_local(reporter: Reporter, span: Span, name: str, kind: str = "local") -> None:
    """Report a local, or a parameter of shared statements, that is never read."""
    reporter.add(Diagnostic("unused-local", span, f"{kind} `{name}` is never read", "not read", help="delete it"))


def unused_define(reporter: Reporter, name: Name) -> None:
    """Report shared statements that no body uses."""
    message = f"no body uses `{name.text}`"
    help = f"use it: {name.text}(...); or delete it"
    reporter.add(Diagnostic("unused-define", name.span, message, "not used", help=help))


def no_effect(
    reporter: Reporter, span: Span, message: str, help: str, first: Span | None = None, why: str = ""
) -> None:
    """Report what would compile and change nothing."""
    notes = (Note(first, why),) if first else ()
    reporter.add(Diagnostic("no-effect", span, message, "changes nothing", notes, help))


def errno_undeclared(reporter: Reporter, name: Name, declared: Iterable[str]) -> None:
    """Report a hypercall that fails with an error that it does not declare."""
    message = f"the call fails with `{name.text}` and does not declare it"
    listed = ", ".join([*declared, name.text])
    reporter.add(Diagnostic("errno-undeclared", name.span, message, "not declared", help=f"write errors {listed}"))


# ---- policies


def policy_default(reporter: Reporter, span: Span, table: str, missing: str, wanted: str) -> None:
    """Report a table without a default."""
    message = f"the {table} policy has no default{missing and f' for {missing}'}"
    help = f"every table needs one: add `{wanted}`"
    reporter.add(Diagnostic("policy-default", span, message, "no rule for the rest", help=help))


def guarded_passed(reporter: Reporter, span: Span, msrs: Mapping[str, Span], how: str, why: str) -> None:
    """Report guarded MSRs that the guest may write by one rule; `why` is of the first."""
    first = next(iter(msrs))
    message = f"guarded MSR {first} would be {how}: it {why}"
    help = f"add a rule for it: {first} read try, write inject gp;"
    if len(msrs) > 1:
        message = f"{len(msrs)} guarded MSRs would be {how}: {', '.join(msrs)}"
        help = "add a rule for all of them: guarded read try, write inject gp;"
    notes = tuple(Note(fact, "it is guarded here") for fact in [*msrs.values()][:MAX_NOTES])
    reporter.add(Diagnostic("guarded-passed", span, message, "reaches the processor", notes, help))


def feature_needs(
    reporter: Reporter, span: Span, features: Mapping[str, Span], missing: str, choice: Span | None
) -> None:
    """Report CPUID features that are visible without a control or MSR that all need; `choice` is why it is missing."""
    few = len(features) == 1
    names = ", ".join(f"`{name}`" for name in features)
    message = f"the guest sees CPUID feature{'' if few else 's'} {names}, but {missing}"
    notes = [Note(fact, "the feature needs it here") for fact in [*features.values()][:MAX_NOTES]]
    notes = [*([Note(span, "the guest sees it by this")] if choice else []), *notes]
    help = f"hide {', '.join(features)}; or give {'it' if few else 'them'} what {'it needs' if few else 'they need'}"
    label = "the feature needs it" if choice else "shown here"
    reporter.add(Diagnostic("feature-needs", choice or span, message, label, tuple(notes), help))


# ---- memory


def memory_align(reporter: Reporter, span: Span, message: str) -> None:
    """Report a region that is not made of pages."""
    reporter.add(Diagnostic("memory-align", span, message, "misaligned", help="pages are 4 KiB: 0x1000"))


def memory_unreached(reporter: Reporter, span: Span, region: str, cover: str, first: Span) -> None:
    """Report a rule after one that covers all."""
    message = f"this rule for `{region}` is never used: the one for `{cover}` comes first and covers it"
    note = Note(first, "the first rule that covers an address decides")
    reporter.add(Diagnostic("memory-unreached", span, message, "comes too late", (note,), "put it before that one"))


def memory_overlap(reporter: Reporter, span: Span, message: str, first: Span) -> None:
    """Report two rules for one page."""
    note = Note(first, "it overlaps this one")
    reporter.add(Diagnostic("memory-overlap", span, message, "overlaps", (note,)))


def maps_hypervisor(reporter: Reporter, span: Span, domain: str, region: str) -> None:
    """Report memory rules that map the hypervisor."""
    message = f"the memory of {domain} maps `{region}`, and the hypervisor lies in it"
    help = "hide it before anything else: hide hypervisor as ones;"
    reporter.add(Diagnostic("maps-hypervisor", span, message, "maps the hypervisor", help=help))
