"""Lark's reductions to syntax nodes: a method for each rule of luv.lark, in its order."""

from __future__ import annotations

import re
from typing import Any

from lark import Token, Transformer, v_args
from lark.tree import Meta

from codegen import syntax
from codegen.source import Span
from codegen.syntax import Name, Number, Text

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
CITATION = re.compile(r"SDM:\s*((?:[0-9A-Z]+(?:\.[0-9]+)*)(?:\s*,\s*[0-9A-Z]+(?:\.[0-9]+)*)*)")
SECTION = re.compile(r"[0-9A-Z]+(?:\.[0-9]+)*")
EVERY_SUBLEAF = (0, 0xFFFFFFFF)
Children = list[Any]


def pick(children: Children, kind: Any) -> Any:
    """The first child of that class, or None."""
    return next((child for child in children if isinstance(child, kind)), None)


def pick_all(children: Children, kind: Any) -> tuple[Any, ...]:
    return tuple(child for child in children if isinstance(child, kind))


def is_word(child: Any, terminal: str) -> bool:
    return isinstance(child, Token) and child.type == terminal


def pick_word(children: Children, terminal: str) -> str | None:
    return next((str(child) for child in children if is_word(child, terminal)), None)


class Part:
    """An optional piece of a rule on its way to the node that holds it."""

    def __init__(self, kind: str, value: Any) -> None:
        self.kind = kind
        self.value = value


def part(children: Children, kind: str) -> Any:
    return next((one.value for one in children if isinstance(one, Part) and one.kind == kind), None)


class ExpressionBuilder(Transformer[Token, Any]):
    """Tokens and expressions."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def span_of(self, token: Token) -> Span:
        return Span(self.path, token.line or 0, token.column or 0, len(token))

    def span_over(self, meta: Meta) -> Span:
        """From the first to the last character, cut at the end of the first line."""
        same_line = meta.line == meta.end_line
        length = meta.end_column - meta.column if same_line else 1 << 16
        return Span(self.path, meta.line, meta.column, length)

    def NAME(self, token: Token) -> Name:
        return Name(str(token), self.span_of(token))

    def SECTION(self, token: Token) -> Name:
        return Name(str(token), self.span_of(token))

    def NUMBER(self, token: Token) -> Number:
        digits = str(token).replace("_", "")
        scale = SUFFIXES.get(digits[-1], 1) if not digits.startswith("0x") else 1
        value = int(digits[:-1]) * scale if scale > 1 else int(digits, 0)
        return Number(value, self.span_of(token), str(token))

    def STRING(self, token: Token) -> Text:
        return Text(str(token)[1:-1], self.span_of(token))

    def DOC(self, token: Token) -> syntax.Doc:
        lines = tuple(line.strip().removeprefix("///").strip() for line in str(token).split("\n"))
        return syntax.Doc(lines, tuple(self.find_citations(token)), self.span_of(token))

    def find_citations(self, token: Token) -> list[Name]:
        found = []
        for index, line in enumerate(str(token).split("\n")):
            start = token.column or 1 if index == 0 else 1
            for match in CITATION.finditer(line):
                for section in SECTION.finditer(line, match.start(1), match.end(1)):
                    column = start + section.start()
                    span = Span(self.path, (token.line or 0) + index, column, len(section[0]))
                    found.append(Name(section[0], span))
        return found

    def number(self, children: Children) -> syntax.Expr:
        return syntax.NumberExpr(children[0], children[0].span)

    def name(self, children: Children) -> syntax.Expr:
        return syntax.NameExpr(children[0], children[0].span)

    def msr_reference(self, children: Children) -> syntax.Expr:
        return syntax.NameExpr(children[0], children[0].span)

    @v_args(meta=True)
    def msr_table(self, meta: Meta, children: Children) -> syntax.Expr:
        span = self.span_over(meta)
        base = syntax.NameExpr(Name("msr", span), span)
        return syntax.Member(base, children[0], span)

    @v_args(meta=True)
    def member(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Member(children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def bit_select(self, meta: Meta, children: Children) -> syntax.Expr:
        high = part(children, "upto") or children[1]
        return syntax.BitSelect(children[0], children[1], high, self.span_over(meta))

    @v_args(meta=True)
    def call(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Call(children[0], tuple(children[1:]), self.span_over(meta))

    @v_args(meta=True)
    def unary(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Unary(str(children[0]), children[1], self.span_over(meta))

    @v_args(meta=True)
    def comparison(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Binary(str(children[1]), children[0], children[2], self.span_over(meta))

    bitor = bitand = shift = sum = product = comparison

    @v_args(meta=True)
    def or_(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Binary("or", children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def and_(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Binary("and", children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def not_(self, meta: Meta, children: Children) -> syntax.Expr:
        return syntax.Unary("not", children[0], self.span_over(meta))

    def upto(self, children: Children) -> Part:
        return Part("upto", children[0])

    def needs(self, children: Children) -> Part:
        return Part("needs", children[0])

    def mirrors(self, children: Children) -> Part:
        return Part("mirrors", children[0])

    def layout_use(self, children: Children) -> Part:
        return Part("layout", children[0])


setattr(ExpressionBuilder, "or", ExpressionBuilder.or_)
setattr(ExpressionBuilder, "and", ExpressionBuilder.and_)
setattr(ExpressionBuilder, "not", ExpressionBuilder.not_)


class FactBuilder(ExpressionBuilder):
    """What the processor has."""

    @v_args(meta=True)
    def manual(self, meta: Meta, children: Children) -> syntax.Manual:
        title, edition = children[:2]
        return syntax.Manual(title, edition, tuple(children[2:]), self.span_over(meta))

    def section(self, children: Children) -> syntax.Section:
        return syntax.Section(*children)

    def vmcs(self, children: Children) -> syntax.Vmcs:
        return syntax.Vmcs(children[0], children[1], tuple(children[2:]))

    def vmcs_field(self, children: Children) -> syntax.VmcsField:
        names = pick_all(children, Name)
        bits = part(children, "bits") or ()
        return syntax.VmcsField(
            pick(children, syntax.Doc), pick(children, Number), names[0], names[1],
            part(children, "layout"), part(children, "needs"), bits,
        )

    def bits(self, children: Children) -> Part:
        return Part("bits", tuple(children))

    def bit(self, children: Children) -> syntax.Bit:
        low = pick(children, Number)
        return syntax.Bit(
            pick(children, syntax.Doc), low, part(children, "upto") or low, pick(children, Name),
            part(children, "needs"), part(children, "mirrors"), part(children, "enumerators") or (),
        )

    def enumerators(self, children: Children) -> Part:
        return Part("enumerators", tuple(children))

    def enumerator(self, children: Children) -> syntax.Enumerator:
        return syntax.Enumerator(*children)

    def controls(self, children: Children) -> syntax.Controls:
        names = pick_all(children, Name)
        ranges = [one for child in children if isinstance(child, Part) and child.kind == "default1" for one in child.value]
        return syntax.Controls(
            names[0], names[1], names[2], part(children, "true"), pick_word(children, "ALLOWED1") is not None,
            part(children, "needs"), tuple(ranges), pick_all(children, syntax.Bit),
        )

    def true_msr(self, children: Children) -> Part:
        return Part("true", children[0])

    def default1(self, children: Children) -> Part:
        return Part("default1", tuple(children))

    def bit_range(self, children: Children) -> syntax.BitRange:
        return syntax.BitRange(children[0], part(children, "upto") or children[0])

    def capabilities(self, children: Children) -> syntax.Capabilities:
        return syntax.Capabilities(children[0], children[1], part(children, "bits"))

    def layout(self, children: Children) -> syntax.Layout:
        return syntax.Layout(children[0], part(children, "bits"))

    @v_args(meta=True)
    def exits(self, meta: Meta, children: Children) -> syntax.Exits:
        return syntax.Exits(tuple(children), self.span_over(meta))

    def exit_reserved(self, children: Children) -> syntax.Exit:
        return syntax.Exit(None, children[0], None, "never", "none", None, None, ())

    def exit(self, children: Children) -> syntax.Exit:
        return syntax.Exit(
            pick(children, syntax.Doc), pick(children, Number), pick(children, Name), part(children, "condition"),
            part(children, "length"), part(children, "qualification"), part(children, "information"),
            pick_all(children, syntax.Arm),
        )

    def condition(self, children: Children) -> Part:
        return Part("condition", str(children[0]) if isinstance(children[0], Token) else children[0])

    def length(self, children: Children) -> Part:
        return Part("length", str(children[0]) if isinstance(children[0], Token) else children[0])

    def exit_layout(self, children: Children) -> Part:
        return Part(str(children[0]), children[1])

    def arm(self, children: Children) -> syntax.Arm:
        return syntax.Arm(children[0], part(children, "payload") or (), part(children, "where"))

    def payload(self, children: Children) -> Part:
        return Part("payload", tuple(children))

    def payload_field(self, children: Children) -> syntax.PayloadField:
        return syntax.PayloadField(*children)

    def where(self, children: Children) -> Part:
        return Part("where", children[0])

    def state(self, children: Children) -> syntax.State:
        return syntax.State(children[0], tuple(children[1:]))

    def state_field(self, children: Children) -> syntax.StateField:
        field, index = part(children, "field") or (None, None)
        return syntax.StateField(
            pick(children, syntax.Doc), pick(children, Name), part(children, "type"),
            part(children, "register"), field, index, part(children, "layout"),
        )

    def state_type(self, children: Children) -> Part:
        return Part("type", children[0])

    def state_register(self, children: Children) -> Part:
        return Part("register", children[0])

    def state_vmcs(self, children: Children) -> Part:
        return Part("field", (children[0], part(children, "index")))

    def state_index(self, children: Children) -> Part:
        return Part("index", children[0])

    @v_args(meta=True)
    def msrs(self, meta: Meta, children: Children) -> syntax.Msrs:
        classes = pick_all(children, syntax.MsrClass)
        return syntax.Msrs(classes, pick_all(children, syntax.Msr), self.span_over(meta))

    def msr_class(self, children: Children) -> syntax.MsrClass:
        return syntax.MsrClass(*children)

    def msr(self, children: Children) -> syntax.Msr:
        first = pick(children, Number)
        names = pick_all(children, Name)
        return syntax.Msr(
            pick(children, syntax.Doc), first, part(children, "upto") or first, names[0], names[1],
            part(children, "guarded"), part(children, "switched"),
        )

    def guarded(self, children: Children) -> Part:
        return Part("guarded", children[0])

    def switched(self, children: Children) -> Part:
        names = pick_all(children, Name)
        parts = tuple(one.value for one in children if isinstance(one, Part) and one.kind == "switch")
        return Part("switched", syntax.Switched(names[0], names[1] if len(names) > 1 else None, parts))

    def switch_part(self, children: Children) -> Part:
        return Part("switch", (str(children[0]), children[1]))

    @v_args(meta=True)
    def reference(self, meta: Meta, children: Children) -> syntax.Reference:
        return syntax.Reference(tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def cpuid(self, meta: Meta, children: Children) -> syntax.Cpuid:
        first = children[0]
        return syntax.Cpuid(
            first, part(children, "upto") or first, part(children, "subleaf"),
            pick_all(children, syntax.CpuidRegister), self.span_over(meta),
        )

    def subleaf(self, children: Children) -> Part:
        if isinstance(children[0], Token):
            return Part("subleaf", EVERY_SUBLEAF)
        last = part(children, "upto") or children[0]
        return Part("subleaf", (children[0].value, last.value))

    def cpuid_register(self, children: Children) -> syntax.CpuidRegister:
        return syntax.CpuidRegister(children[0], part(children, "bits"))

    @v_args(meta=True)
    def vectors(self, meta: Meta, children: Children) -> syntax.Vectors:
        return syntax.Vectors(tuple(children), self.span_over(meta))

    def vector(self, children: Children) -> syntax.Vector:
        names = pick_all(children, Name)
        return syntax.Vector(pick(children, syntax.Doc), pick(children, Number), names[0], names[1:])

    @v_args(meta=True)
    def ports(self, meta: Meta, children: Children) -> syntax.Ports:
        return syntax.Ports(tuple(children), self.span_over(meta))

    def port(self, children: Children) -> syntax.Port:
        first = pick(children, Number)
        return syntax.Port(pick(children, syntax.Doc), first, part(children, "upto") or first, pick(children, Name))

    @v_args(meta=True)
    def errnos(self, meta: Meta, children: Children) -> syntax.Errnos:
        return syntax.Errnos(tuple(children), self.span_over(meta))

    def errno(self, children: Children) -> syntax.Errno:
        return syntax.Errno(*children)


class BodyBuilder(FactBuilder):
    """Statements of typed bodies."""

    def statement(self, kind: Any, meta: Meta, *values: Any) -> Any:
        return kind(*values, self.span_over(meta))

    @v_args(meta=True)
    def block(self, meta: Meta, children: Children) -> syntax.Block:
        return syntax.Block(tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def let(self, meta: Meta, children: Children) -> syntax.Let:
        return syntax.Let(children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def assign(self, meta: Meta, children: Children) -> syntax.Assign:
        return syntax.Assign(children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def if_(self, meta: Meta, children: Children) -> syntax.If:
        return syntax.If(children[0], children[1], part(children, "else"), self.span_over(meta))

    def else_(self, children: Children) -> Part:
        only = children[0]
        return Part("else", only if isinstance(only, syntax.Block) else syntax.Block((only,), only.span))

    @v_args(meta=True)
    def call_statement(self, meta: Meta, children: Children) -> syntax.CallStatement:
        return syntax.CallStatement(children[0], self.span_over(meta))

    @v_args(meta=True)
    def return_(self, meta: Meta, children: Children) -> syntax.Return:
        return syntax.Return(children[0], self.span_over(meta))

    @v_args(meta=True)
    def fail(self, meta: Meta, children: Children) -> syntax.Fail:
        return syntax.Fail(children[0], self.span_over(meta))

    @v_args(meta=True)
    def log(self, meta: Meta, children: Children) -> syntax.Log:
        return syntax.Log(children[0], tuple(children[1:]), self.span_over(meta))

    @v_args(meta=True)
    def advance(self, meta: Meta, children: Children) -> syntax.Outcome:
        return syntax.Outcome("advance", self.span_over(meta))

    @v_args(meta=True)
    def advance_by(self, meta: Meta, children: Children) -> syntax.Outcome:
        return syntax.Outcome("advance_by", self.span_over(meta), value=children[0])

    @v_args(meta=True)
    def resume(self, meta: Meta, children: Children) -> syntax.Outcome:
        return syntax.Outcome("resume", self.span_over(meta))

    @v_args(meta=True)
    def forward(self, meta: Meta, children: Children) -> syntax.Outcome:
        return syntax.Outcome("forward", self.span_over(meta))

    @v_args(meta=True)
    def inject(self, meta: Meta, children: Children) -> syntax.Outcome:
        code = children[1] if len(children) > 1 else None
        return syntax.Outcome("inject", self.span_over(meta), value=code, vector=children[0])

    @v_args(meta=True)
    def reset(self, meta: Meta, children: Children) -> syntax.Outcome:
        return syntax.Outcome("reset", self.span_over(meta), text=children[0])

    @v_args(meta=True)
    def stop(self, meta: Meta, children: Children) -> syntax.Outcome:
        return syntax.Outcome("stop", self.span_over(meta), text=children[0])


setattr(BodyBuilder, "if", BodyBuilder.if_)
setattr(BodyBuilder, "else", BodyBuilder.else_)
setattr(BodyBuilder, "return", BodyBuilder.return_)


class SyntaxBuilder(BodyBuilder):
    """What Luvalley does with it."""

    def const(self, children: Children) -> syntax.Const:
        return syntax.Const(*children)

    def struct(self, children: Children) -> syntax.Struct:
        return syntax.Struct(children[0], tuple(children[1:]))

    def parameter_line(self, children: Children) -> syntax.Parameter:
        parameter: syntax.Parameter = children[0]
        return parameter

    def parameter(self, children: Children) -> syntax.Parameter:
        return syntax.Parameter(*children)

    def returns(self, children: Children) -> Part:
        return Part("returns", children[0])

    def extern_cost(self, children: Children) -> Part:
        return Part("cost", children[0])

    def extern(self, children: Children) -> syntax.Extern:
        parameters = pick_all(children, syntax.Parameter)
        return syntax.Extern(children[0], parameters, part(children, "returns"), part(children, "cost"))

    def region(self, children: Children) -> syntax.Region:
        base, size = part(children, "at") or (None, None)
        kind = "at" if base is not None else str(children[1])
        return syntax.Region(children[0], kind, base, size)

    def region_at(self, children: Children) -> Part:
        return Part("at", (children[0], children[1]))

    def hypercall(self, children: Children) -> syntax.Hypercall:
        names = pick_all(children, Name)
        return syntax.Hypercall(
            children[0], names[0], pick_all(children, syntax.Parameter), part(children, "returns"), names[1],
            pick(children, syntax.Block),
        )

    def domain(self, children: Children) -> syntax.Domain:
        return syntax.Domain(children[0], tuple(children[1:]))

    def names(self, children: Children) -> tuple[Name, ...]:
        return tuple(children)

    def native(self, children: Children) -> syntax.Native:
        return syntax.Native(children[0])

    def trap(self, children: Children) -> syntax.Trap:
        return syntax.Trap(children[0])

    def for_backend(self, children: Children) -> syntax.ForBackend:
        return syntax.ForBackend(children[0], tuple(children[1:]))

    def set(self, children: Children) -> syntax.Set:
        return syntax.Set(children[0], tuple(children[1:]))

    def setting(self, children: Children) -> syntax.Setting:
        return syntax.Setting(*children)

    def require(self, children: Children) -> syntax.Require:
        return syntax.Require(str(children[0]) == "prefer", children[1], tuple(children[2:]))

    def own(self, children: Children) -> syntax.Own:
        return syntax.Own(children[0], tuple(children[1:]))

    @v_args(meta=True)
    def domain_cpuid(self, meta: Meta, children: Children) -> syntax.DomainCpuid:
        rules = pick_all(children, syntax.CpuidRule)
        return syntax.DomainCpuid(rules, pick_all(children, syntax.CpuidLeaf), self.span_over(meta))

    def cpuid_rule(self, children: Children) -> Any:
        if isinstance(children[0], syntax.CpuidLeaf):
            return children[0]
        return syntax.CpuidRule(str(children[0]), children[1])

    def cpuid_leaf(self, children: Children) -> syntax.CpuidLeaf:
        registers = tuple(one for one in children[1:] if isinstance(one, tuple))
        return syntax.CpuidLeaf(children[0], registers, pick(children, Text))

    def leaf_item(self, children: Children) -> Any:
        return children[0] if isinstance(children[0], Text) else (children[0], children[1])

    @v_args(meta=True)
    def domain_msr(self, meta: Meta, children: Children) -> syntax.DomainMsr:
        return syntax.DomainMsr(tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def domain_io(self, meta: Meta, children: Children) -> syntax.DomainIo:
        return syntax.DomainIo(tuple(children), self.span_over(meta))

    def access_rule(self, children: Children) -> syntax.AccessRule:
        accesses = pick_all(children, syntax.Access)
        return syntax.AccessRule(pick(children, syntax.Doc), pick(children, syntax.Selector), accesses)

    @v_args(meta=True)
    def selector(self, meta: Meta, children: Children) -> syntax.Selector:
        return syntax.Selector(str(children[0]), (), self.span_over(meta))

    @v_args(meta=True)
    def selector_class(self, meta: Meta, children: Children) -> syntax.Selector:
        return syntax.Selector("class", tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def selector_name(self, meta: Meta, children: Children) -> syntax.Selector:
        return syntax.Selector("name", tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def selector_range(self, meta: Meta, children: Children) -> syntax.Selector:
        return syntax.Selector("range", tuple(children), self.span_over(meta))

    def access(self, children: Children) -> syntax.Access:
        return syntax.Access(pick_word(children, "DIRECTION") or "", pick(children, syntax.Action))

    @v_args(meta=True)
    def action(self, meta: Meta, children: Children) -> syntax.Action:
        span = self.span_over(meta)
        if not isinstance(children[0], Token):
            return syntax.Action("value", span, value=children[0])
        return syntax.Action(str(children[0]), span)

    @v_args(meta=True)
    def action_inject(self, meta: Meta, children: Children) -> syntax.Action:
        return syntax.Action("inject", self.span_over(meta), vector=children[0])

    @v_args(meta=True)
    def action_do(self, meta: Meta, children: Children) -> syntax.Action:
        return syntax.Action("do", self.span_over(meta), body=children[0])

    @v_args(meta=True)
    def domain_exceptions(self, meta: Meta, children: Children) -> syntax.DomainExceptions:
        return syntax.DomainExceptions(tuple(children), self.span_over(meta))

    def exception_rule(self, children: Children) -> syntax.ExceptionRule:
        how = "switched" if is_word(children[-1], "SWITCHED") else str(children[-1])
        return syntax.ExceptionRule(pick(children, Name), how)

    @v_args(meta=True)
    def domain_switch(self, meta: Meta, children: Children) -> syntax.DomainSwitch:
        return syntax.DomainSwitch(tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def domain_reset(self, meta: Meta, children: Children) -> syntax.DomainReset:
        return syntax.DomainReset(tuple(children), self.span_over(meta))

    def assign_reset(self, children: Children) -> tuple[Name, syntax.Expr]:
        return (children[0], children[1])

    @v_args(meta=True)
    def domain_memory(self, meta: Meta, children: Children) -> syntax.DomainMemory:
        return syntax.DomainMemory(tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def memory_map(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        region, rights, types = children
        return syntax.MemoryRule("map", region, rights, types, None, None, self.span_over(meta))

    @v_args(meta=True)
    def memory_hide(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        return syntax.MemoryRule("hide", children[0], None, None, children[1], None, self.span_over(meta))

    @v_args(meta=True)
    def memory_watch(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        return syntax.MemoryRule("watch", children[0], None, None, None, None, self.span_over(meta))

    @v_args(meta=True)
    def memory_alias(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        return syntax.MemoryRule("alias", children[0], None, None, None, children[1], self.span_over(meta))

    def handler(self, children: Children) -> syntax.Handler:
        return syntax.Handler(
            pick(children, syntax.Doc), pick(children, Name), part(children, "binder"), part(children, "budget"),
            pick(children, syntax.Block),
        )

    def binder(self, children: Children) -> Part:
        return Part("binder", children[0])

    def budget(self, children: Children) -> Part:
        return Part("budget", children[0])

    def item(self, children: Children) -> syntax.Item:
        return syntax.Item(pick(children, syntax.Doc), children[-1])

    def start(self, children: Children) -> tuple[syntax.Item, ...]:
        return tuple(children)
