"""A domain: its clauses to tables, settings and typed handlers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from codegen import errors
from codegen.language import syntax
from codegen.model import choices, ir
from codegen.model.cost import find_path
from codegen.model.facts import Bitmap, Doc, Feature, StateField
from codegen.model.types import U64
from codegen.resolve.bodies import resolve_body
from codegen.resolve.controls import add_event_controls
from codegen.resolve.cpuid import resolve_cpuid
from codegen.resolve.declarations import make_doc
from codegen.resolve.expressions import resolve_value
from codegen.resolve.host import resolve_reset
from codegen.resolve.policies import NO_ACTION, IoPolicyResolver, MsrPolicyResolver, resolve_exceptions
from codegen.resolve.scope import Scope

VALUES = ("on", "off", "prefer", "switched")
HELD = ("on", "off")
RUNNERS = ("vmm",)
ANSWERED = {"io": syntax.DomainIo, "msr_read": syntax.DomainMsr, "msr_write": syntax.DomainMsr}
GIVEN: dict[type, str] = {syntax.DomainCpuid: "CPUID", syntax.DomainMemory: "memory"}
RIGHTS = ("r", "rw", "rx", "rwx")
PAGE = 4096
Node = TypeVar("Node")


def clauses_of(node: syntax.Domain, kind: type[Node]) -> list[Node]:
    """Return the clauses of one kind."""
    return [clause for clause in node.clauses if isinstance(clause, kind)]


class DomainResolver:
    """One domain. Policies that a domain leaves out trap and pass nothing."""

    def __init__(self, node: syntax.Domain, doc: Doc, scope: Scope) -> None:
        under = node.under.text if node.under else ""
        self.node, self.doc = node, doc
        self.scope = replace(scope, domain=node.name.text, under=under)
        self.facts, self.reporter = scope.facts, scope.reporter
        self.settings: dict[str, choices.Setting] = {}
        self.required: list[choices.Required] = []
        self.features: list[Feature] = []
        self.owned = {name: 0 for name, one in self.facts.state.items() if one.shadow}
        self.held = dict(self.owned)

    def resolve(self) -> choices.Domain:
        """Return the domain with all its tables."""
        self.check_under()
        for backend in clauses_of(self.node, syntax.ForBackend):
            self.add_backend(backend)
        self.check_events()
        native, trapped = self.events(syntax.Native), self.events(syntax.Trap)
        add_event_controls(native, "off", self.settings, self.scope)
        add_event_controls(trapped, "on", self.settings, self.scope)
        return choices.Domain(
            self.node.name.text, self.scope.under, self.doc,
            native, trapped, self.settings,
            tuple(self.required), tuple(self.features), self.owned, self.held,
            self.cpuid(), self.msr(), self.io(), self.exceptions(),
            self.switched(), self.reset(), self.memory(), self.handlers(), self.node.name.span,
            self.bitmaps(),
        )

    def check_under(self) -> None:
        """Report who cannot run a domain, and clauses that its VMM decides about."""
        if self.node.under is None:
            return
        if self.node.under.text not in RUNNERS:
            errors.unknown_name(self.reporter, self.node.under, "VMM", RUNNERS)
        for clause in self.node.clauses:
            what = GIVEN.get(type(clause))
            if what and isinstance(clause, syntax.DomainCpuid | syntax.DomainMemory):
                message = f"{self.node.name.text} gets its {what} from its VMM"
                errors.not_valid_here(self.reporter, clause.span, message, "leave it out")

    def check_events(self) -> None:
        """Report events that are both native and trapped, or listed twice."""
        seen: dict[str, tuple[type, syntax.Name]] = {}
        for clause in self.node.clauses:
            for name in clause.events if isinstance(clause, syntax.Native | syntax.Trap) else ():
                kind, first = seen.setdefault(name.text, (type(clause), name))
                if kind is not type(clause):
                    errors.native_trapped(self.reporter, name, first.span)
                elif first is not name:
                    errors.duplicate_name(self.reporter, name, "event", first.span)

    def events(self, kind: type[syntax.Native] | type[syntax.Trap]) -> tuple[syntax.Name, ...]:
        """Return the events that `native` or `trap` names."""
        names = [name for clause in clauses_of(self.node, kind) for name in clause.events]
        for name in names:
            if name.text not in self.facts.foreign_events:
                errors.unknown_name(self.reporter, name, "event", sorted(self.facts.foreign_events))
        return tuple(name for name in names if name.text in self.facts.events)

    def add_backend(self, node: syntax.ForBackend) -> None:
        """Add what exists for one processor alone, if it is the one that this model is for."""
        if node.backend.text not in self.facts.processors:
            errors.unknown_name(self.reporter, node.backend, "processor", self.facts.processors)
        for clause in node.clauses if node.backend.text == self.facts.processor else ():
            match clause:
                case syntax.Set():
                    self.add_settings(clause)
                case syntax.Require():
                    self.add_required(clause)
                case syntax.Own():
                    self.add_owned(clause)

    def add_settings(self, node: syntax.Set) -> None:
        """Add the settings of one word."""
        word = self.facts.words.get(node.word.text)
        if word is None:
            errors.unknown_name(self.reporter, node.word, "control word", self.facts.words)
            return
        for setting in node.settings:
            self.add_setting(word.name, setting)

    def add_setting(self, word: str, node: syntax.Setting) -> None:
        """Add one control's setting, once."""
        path = f"{word}.{node.control.text}"
        if path not in self.facts.controls:
            known = [control.name for control in self.facts.words[word].controls]
            errors.unknown_name(self.reporter, node.control, f"control in `{word}`", known)
        elif node.value.text not in VALUES:
            errors.unknown_name(self.reporter, node.value, "setting of a control", VALUES)
        elif path in self.settings:
            errors.duplicate_name(self.reporter, node.control, "setting", self.settings[path].span)
        else:
            self.settings[path] = choices.Setting(path, node.value.text, node.control.span)

    def add_required(self, node: syntax.Require) -> None:
        """Add capabilities of one table."""
        if node.table.text == "cpuid":
            self.add_required_features(node)
            return
        table = self.facts.capabilities.get(node.table.text)
        if table is None:
            errors.unknown_name(self.reporter, node.table, "table of capabilities", [*self.facts.capabilities, "cpuid"])
            return
        bits = {bit.name: bit for bit in table.bits}
        for name in node.bits:
            if name.text not in bits:
                errors.unknown_name(self.reporter, name, f"capability in `{table.name}`", bits)
            else:
                self.required.append(choices.Required(table.name, bits[name.text], node.optional, name.span))

    def add_required_features(self, node: syntax.Require) -> None:
        """Add the features of `require cpuid { ... }`."""
        known = self.facts.features
        for name in node.bits:
            if name.text not in known:
                errors.unknown_name(self.reporter, name, "CPUID feature", known)
            elif node.optional:
                message = "a CPUID feature cannot be preferred"
                errors.not_valid_here(self.reporter, name.span, message, "require it, or leave it out")
            else:
                self.features.append(known[name.text])

    def add_owned(self, node: syntax.Own) -> None:
        """Add owned bits of one register."""
        layout = self.facts.layouts.get(node.register.text)
        if node.register.text not in self.owned or layout is None:
            errors.unknown_name(self.reporter, node.register, "register with owned bits", self.owned)
            return
        for one in node.bits:
            bit = layout.find(one.name.text)
            if bit is None:
                known = [bit.name for bit in layout.bits]
                errors.unknown_name(self.reporter, one.name, f"bit of `{layout.name}`", known)
                continue
            self.owned[layout.name] |= bit.mask
            if one.held is None or one.held.text == "on":
                self.held[layout.name] |= bit.mask
            elif one.held.text != "off":
                errors.unknown_name(self.reporter, one.held, "state of an owned bit", HELD)

    def only(self, kind: type[Node]) -> Node | None:
        """Return the one clause of that kind; a second one is an error."""
        found: list[Any] = list(clauses_of(self.node, kind))
        for again in found[1:]:
            what = kind.__name__.removeprefix("Domain").lower()
            errors.duplicate_rule(self.reporter, again.span, f"a domain has one `{what}` block", found[0].span)
        return found[0] if found else None

    def cpuid(self) -> choices.CpuidPolicy:
        """Return the CPUID policy; nothing is shown without one."""
        node = self.only(syntax.DomainCpuid)
        return resolve_cpuid(node, self.scope) if node else choices.CpuidPolicy((), (), (), (), self.node.name.span)

    def msr(self) -> choices.MsrPolicy:
        """Return the MSR policy, required."""
        node = self.only(syntax.DomainMsr)
        if node is None:
            errors.policy_default(self.reporter, self.node.name.span, "MSR", "", "msr { default read try, write try; }")
            return choices.MsrPolicy((), (), NO_ACTION, NO_ACTION, self.node.name.span)
        return MsrPolicyResolver(node, self.scope).resolve()

    def io(self) -> choices.IoPolicy:
        """Return the I/O policy, required."""
        node = self.only(syntax.DomainIo)
        if node is None:
            errors.policy_default(self.reporter, self.node.name.span, "I/O", "", "io { default pass; }")
            return choices.IoPolicy((), NO_ACTION, NO_ACTION, self.node.name.span)
        return IoPolicyResolver(node, self.scope).resolve()

    def exceptions(self) -> choices.ExceptionPolicy:
        """Return the exception policy, required."""
        node = self.only(syntax.DomainExceptions)
        if node is None:
            errors.policy_default(self.reporter, self.node.name.span, "exception", "", "exceptions { default pass; }")
            return choices.ExceptionPolicy((), False)
        return resolve_exceptions(node, self.scope)

    def switched(self) -> tuple[choices.Switched, ...]:
        """Return the switched MSRs, each with the means: VMCS fields, the MSR lists, or swapping by the runtime."""
        node = self.only(syntax.DomainSwitch)
        made: dict[str, choices.Switched] = {}
        for rule in node.rules if node else ():
            for name in rule.msrs:
                self.add_switched(name, rule.how, made)
        return tuple(made.values())

    def add_switched(self, name: syntax.Name, how: str, made: dict[str, choices.Switched]) -> None:
        """Add one MSR, once."""
        msr = self.facts.msrs.get(name.text)
        if msr is None:
            errors.unknown_name(self.reporter, name, "MSR", self.facts.msrs)
        elif msr.name in made:
            errors.duplicate_name(self.reporter, name, "switched MSR", made[msr.name].span)
        elif how == "swap" and not self.scope.under:
            message = f"{self.node.name.text} has no VMM to swap {msr.name} with"
            errors.not_valid_here(self.reporter, name.span, message, f"write list {msr.name};")
        elif self.scope.under and (how == "list" or (not how and msr.switched is None)):
            message = f"the MSR lists are not {self.node.name.text}'s"
            errors.not_valid_here(self.reporter, name.span, message, f"write swap {msr.name};")
        else:
            made[msr.name] = choices.Switched(msr, how or ("fields" if msr.switched else "list"), name.span)

    def reset(self) -> tuple[tuple[StateField, ir.Expression], ...]:
        """Return guest state after INIT."""
        node = self.only(syntax.DomainReset)
        return resolve_reset(node, self.scope) if node else ()

    def memory(self) -> tuple[choices.MemoryRule, ...]:
        """Return the memory rules in order."""
        node = self.only(syntax.DomainMemory)
        rules = [self.make_memory_rule(rule) for rule in node.rules] if node else []
        return tuple(rule for rule in rules if rule is not None)

    def make_memory_rule(self, node: syntax.MemoryRule) -> choices.MemoryRule | None:
        """Return one memory rule, its names known."""
        region = self.scope.regions.get(node.region.text)
        if region is None:
            errors.unknown_name(self.reporter, node.region, "region", self.scope.regions)
            return None
        for name, known in ((node.rights, RIGHTS), (node.types, ("mtrr",)), (node.fill, ("ones",))):
            if name is not None and name.text not in known:
                errors.unknown_name(self.reporter, name, "memory attribute", known)
        onto = resolve_value(node.onto, self.scope, U64) if node.onto else None
        base = onto.value if isinstance(onto, ir.Constant) else 0
        if base % PAGE and node.onto:
            message = f"`{region.name}` is aliased onto {base:#x}, inside a page"
            errors.memory_align(self.reporter, node.onto.span, message)
        rights = node.rights.text if node.rights else {"hide": "rx", "watch": "rx"}.get(node.kind, "rwx")
        return choices.MemoryRule(node.kind, region, rights, base, node.span)

    def bitmaps(self) -> dict[str, Bitmap]:
        """Return the bitmaps of the processor, which must have both."""
        for name in ("msr", "io"):
            if name not in self.facts.bitmaps:
                errors.unknown_name(self.reporter, syntax.Name(name, self.node.name.span), "bitmap", self.facts.bitmaps)
        return self.facts.bitmaps

    def handlers(self) -> dict[str, choices.Handler]:
        """Return handlers by event, each once."""
        handlers: dict[str, choices.Handler] = {}
        for node in clauses_of(self.node, syntax.Handler):
            event = self.facts.events.get(node.event.text)
            if event is None and node.event.text in self.facts.foreign_events:
                continue
            if event is None:
                errors.unknown_name(self.reporter, node.event, "event", sorted(self.facts.foreign_events))
            elif node.event.text in ANSWERED:
                table: list[Any] = [one for one in self.node.clauses if isinstance(one, ANSWERED[node.event.text])]
                message = f"`{node.event.text}` is handled by a table"
                place = table[0].span if table else self.node.name.span
                errors.duplicate_rule(self.reporter, node.event.span, message, place)
            elif node.event.text in handlers:
                errors.duplicate_name(self.reporter, node.event, "handler", handlers[node.event.text].span)
            else:
                handlers[node.event.text] = self.make_handler(node)
        return handlers

    def make_handler(self, node: syntax.Handler) -> choices.Handler:
        """Return a handler with the payload and the length rule of its event."""
        event = self.facts.events[node.event.text]
        exits = [self.facts.exits[name] for name in event.exits]
        unsure = next((one for one in exits if one.length in ("none", "decoder")), exits[0])
        binder = node.binder.text if node.binder else ""
        places = {binder: node.binder.span} if node.binder else {}
        scope = replace(
            self.scope, mode="body", binder=binder, places=places, event=event.name, payload=dict(event.payload),
            taken=frozenset(name for name, _ in event.payload),
            length=unsure.length, length_span=unsure.span,
        )
        body = resolve_body(node.body, f"`on {event.name}`", scope)
        if node.budget is not None and body.cost > node.budget.value:
            path = find_path(body.statements)
            errors.over_budget(self.reporter, node.budget.span, f"`on {event.name}`", node.budget.value, path)
        return choices.Handler(event.name, binder, body, make_doc(node.doc), node.event.span)
