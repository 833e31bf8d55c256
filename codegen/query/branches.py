"""Branches: every path through the bodies of a domain, named, the model in which each counts itself, and its build.

A branch is an event of an exit, a handler or a hypercall, either side of an `if`, or a rule of a table that an access
can reach. The instrumented build is the ordinary model with calls of the extern `branch_taken` added.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from codegen.check.evaluate import evaluate
from codegen.compiler import compile_sources
from codegen.diagnostics import Done
from codegen.emit import generate
from codegen.emit.files import Output, header_comment, publish, render
from codegen.image.toolchain import build_image
from codegen.image.tree import InstrumentedTree, list_inputs, write_stamp
from codegen.image.verify import verify_image
from codegen.model import ir
from codegen.model.choices import Action, Body, Domain, Extern, Hypercall, IoRule, Model, MsrRule
from codegen.model.facts import Doc, Exit
from codegen.model.types import U32
from codegen.query.words import say_action
from codegen.source import NOWHERE, Span, load_file, load_files

COUNTER = Extern("branch_taken", (("branch", U32),), None, True, 0, Doc(), NOWHERE)
CALL_COUNTER = "branch_count"  # the hypercall that reads the counters; it is no branch of the spec


@dataclass(frozen=True)
class Branch:
    """`key` names it, the same for the same spec; `span` is its place."""

    domain: str
    key: str
    span: Span


@dataclass
class BranchCounter:
    """Gives every branch its number, in the order of the spec, and puts a counting call before it."""

    domain: str = ""
    branches: list[Branch] = field(default_factory=list)

    def take(self, key: str, span: Span) -> tuple[ir.Statement, ...]:
        """Return the counting statement of a new branch."""
        number, name = len(self.branches), f"{self.domain} {key}"
        known = {one.key for one in self.branches}
        names = [name, *(f"{name} ({use})" for use in range(2, number + 3))]  # a body may use the same define twice
        self.branches.append(Branch(self.domain, next(one for one in names if one not in known), span))
        return (ir.Evaluate(ir.ExternCall(COUNTER, (ir.Constant(number, U32),), U32)),)

    def count_body(self, body: Body, key: str, span: Span) -> Body:
        """Count a body and both sides of each `if` in it."""
        first = self.take(key, span)
        return replace(body, statements=(*first, *self.count_block(body.statements, key)))

    def count_block(self, statements: Iterable[ir.Statement], key: str) -> tuple[ir.Statement, ...]:
        return tuple(self.count_if(one, key) if isinstance(one, ir.Branch) else one for one in statements)

    def count_if(self, branch: ir.Branch, key: str) -> ir.Branch:
        """Count `then`, and `else` even if it is not written."""
        place = f"{key}: if at {branch.span.line}:{branch.span.column}"
        then = (*self.take(f"{place}, then", branch.span), *self.count_block(branch.then, key))
        otherwise = (*self.take(f"{place}, else", branch.span), *self.count_block(branch.otherwise, key))
        return replace(branch, then=then, otherwise=otherwise)

    def count_action(self, action: Action, key: str) -> Action:
        """Count a table's rule."""
        if action.body is not None:
            return replace(action, body=self.count_body(action.body, key, action.span))
        return replace(action, before=self.take(key, action.span))


def list_branches(model: Model) -> tuple[Branch, ...]:
    """Return the branches of a model, in the order of their numbers."""
    return instrument(model)[1]


def instrument(model: Model) -> tuple[Model, tuple[Branch, ...]]:
    """Return the model in which every branch counts itself, and the branches."""
    counter = BranchCounter()
    domains = {name: count_domain(domain, model, counter) for name, domain in model.domains.items()}
    counter.domain = "hypercall"
    calls = {name: count_hypercall(call, counter) for name, call in model.hypercalls.items()}
    return replace(model, domains=domains, hypercalls=calls), tuple(counter.branches)


def count_hypercall(call: Hypercall, counter: BranchCounter) -> Hypercall:
    if call.name == CALL_COUNTER:
        return call
    return replace(call, body=counter.count_body(call.body, call.name, call.span))


def count_domain(domain: Domain, model: Model, counter: BranchCounter) -> Domain:
    """Count events by exit, handlers, and the rules of tables."""
    counter.domain = domain.name
    exits = [one for one in model.facts.exits.values() if evaluate(one.condition, domain).can_hold]
    before = {key: taken for exit in exits for key, taken in count_events(exit, counter)}
    handlers = {
        name: replace(one, body=counter.count_body(one.body, f"on {name}", one.span))
        for name, one in domain.handlers.items()
    }
    read, default_read = count_msrs(domain.msr.read, domain.msr.default_read, "read", counter)
    write, default_write = count_msrs(domain.msr.write, domain.msr.default_write, "write", counter)
    msr = replace(domain.msr, read=read, write=write, default_read=default_read, default_write=default_write)
    io = replace(domain.io, rules=tuple(count_port(rule, counter) for rule in domain.io.rules))
    return replace(domain, before_alternatives=before, handlers=handlers, msr=msr, io=io)


def count_events(exit: Exit, counter: BranchCounter) -> list[tuple[tuple[str, int], tuple[ir.Statement, ...]]]:
    """Count an exit's events: one, or those that its conditions distinguish."""
    return [
        ((exit.name, index), counter.take(f"exit {exit.name}: event {alternative.event}", exit.span))
        for index, alternative in enumerate(exit.alternatives)
    ]


def count_msrs(
    rules: tuple[MsrRule, ...], default: Action, direction: str, counter: BranchCounter
) -> tuple[tuple[MsrRule, ...], Action]:
    """Count rules of one action as one branch, as they are one `case`; a passed MSR causes no VM exit."""
    counted: dict[int, Action] = {}
    for rule in rules:
        if id(rule.action) not in counted and rule.action.kind != "pass":
            key = f"msr {direction} {say_rules(rules, rule.action)}{say_kind(rule.action)}"
            counted[id(rule.action)] = counter.count_action(rule.action, key)
    made = tuple(replace(rule, action=counted.get(id(rule.action), rule.action)) for rule in rules)
    return made, counter.count_action(default, f"msr {direction} default{say_kind(default)}")


def say_kind(action: Action) -> str:
    """Return what a rule does, if it is not a body."""
    return "" if action.body is not None else f": {say_action(action)}"


def say_rules(rules: tuple[MsrRule, ...], action: Action) -> str:
    """Return the first MSR that an action is for, and how many ranges it is for besides."""
    names = [rule.name for rule in rules if rule.action is action]
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def count_port(rule: IoRule, counter: BranchCounter) -> IoRule:
    """Count both directions of a port: one bit of the bitmap traps both."""
    if rule.read.kind == rule.write.kind == "pass":
        return rule
    read = counter.count_action(rule.read, f"io read {rule.port.name}{say_kind(rule.read)}")
    write = counter.count_action(rule.write, f"io write {rule.port.name}{say_kind(rule.write)}")
    return replace(rule, read=read, write=write)


# ---- the instrumented build


EXTRA = Path(__file__).with_name("instrument.luv")


def compile_instrumented(tree: InstrumentedTree) -> tuple[Model, list[Output], tuple[Branch, ...]]:
    """Return the model that counts, what is generated from it, and the branches that it counts."""
    spec = tree.root / "spec"
    sources = [*load_files(spec, spec.name), load_file(EXTRA, f"codegen/query/{EXTRA.name}")]
    counting, branches = instrument(compile_sources(sources, tree.syntax))
    return counting, [*generate(counting, tree.root), make_counters(branches)], branches


def make_counters(branches: tuple[Branch, ...]) -> Output:
    """Return the counters in C."""
    first = header_comment("spec/", "How often each branch was taken: only the instrumented build has this.")
    return Output("branches.c", render("branches.c.j2", first=first, branches=branches))


def build_instrumented(tree: InstrumentedTree) -> Done:
    """Compile, link and verify the instrumented build; leave the ordinary one untouched."""
    start, before = time.monotonic(), list_inputs(tree)
    model, outputs, branches = compile_instrumented(tree)
    tree.build.mkdir(parents=True, exist_ok=True)
    publish(outputs, tree.generated)
    build_image(tree)
    report = verify_image(tree, model)
    if report.faults:
        return Done(2, "", "\n".join(f"error[image]: {fault}" for fault in report.faults))
    tree.branches.write_text(json.dumps([branch.key for branch in branches], indent=1))
    write_stamp(tree, before)
    image = tree.image.relative_to(tree.root)
    seconds = time.monotonic() - start
    return Done(0, f"{image}: {len(branches)} branches counted, {report.size} bytes to load, {seconds:.1f} s")
