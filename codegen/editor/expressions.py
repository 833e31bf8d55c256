"""What names in expressions and statements mean. The rules are those of `resolve/names.py`, for any state of a spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from codegen.editor.names import LANGUAGE, UNKNOWN, Definition, Index, Key, Use
from codegen.language import syntax
from codegen.model.entry_checks import PREDICATES
from codegen.model.types import HANDLES, SCALARS
from codegen.resolve.facts import OWNED, TABLES
from codegen.resolve.policies import ACCESS
from codegen.source import Name

PLACEHOLDER = "name_to_complete"  # what completion puts where the name is missing
POLICIES = ("cpuid", "hypercall")
TYPES = tuple(SCALARS)
ROOTS = ("guest", "vmcs", "policy")
ACCESS_PAYLOAD = {"msr_read": ("msr",), "msr_write": ("msr", "value"), "io": (*ACCESS, "value")}


@dataclass(frozen=True)
class Local:
    """A local, a parameter or a binder: its key, and how the keys begin of what may follow after a period."""

    key: Key
    members: Key = ()


@dataclass(frozen=True)
class Scope:
    """Where an expression stands. `mode`: plain, condition, fact, entry or body; `layouts`: the words of
    information that an exit fills, with the bits that they have there.
    """

    mode: str = "plain"
    locals: Mapping[str, Local] = field(default_factory=dict)
    layouts: Mapping[str, Key] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def with_local(self, name: str, local: Local) -> Scope:
        """Return the scope in which the name is known too."""
        return replace(self, locals={**self.locals, name: local})


@dataclass(frozen=True)
class Sought:
    """What may stand where the placeholder does: names of these groups, these locals, these words."""

    groups: tuple[Key, ...]
    locals: tuple[str, ...]
    words: tuple[str, ...]


class ExpressionWalker:
    """Note what every name means; `sought` is filled where the placeholder is met."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.sought: Sought | None = None

    def use(self, name: Name, *groups: Key, words: tuple[str, ...] = (), scope: Scope | None = None) -> Key:
        """Note a use: of a local, of the first group that has the name, or of a word of the language."""
        locals = scope.locals if scope else {}
        if name.text == PLACEHOLDER:
            self.sought = Sought(groups, tuple(locals), words)
        if name.text in locals:
            return self.note(name, locals[name.text].key)
        for group in groups:
            if (*group, name.text) in self.index.definitions:
                return self.note(name, (*group, name.text))
        return self.note(name, (LANGUAGE if name.text in words else UNKNOWN, name.text))

    def note(self, name: Name, key: Key) -> Key:
        """Enter a use under its key."""
        self.index.add_use(Use(key, name.span))
        return key

    def members_of(self, key: Key) -> Key:
        """Return how the keys begin of what may follow after a period."""
        found = self.index.definitions.get(key)
        return found[0].members if found else ()

    def cite(self, doc: syntax.Doc | None) -> None:
        """Note the sections that a comment cites."""
        for section in doc.sections if doc else ():
            self.use(section, ("section",))

    def define_local(self, kind: str, name: Name, members: Key, scope: Scope) -> Scope:
        """Enter a local, and return the scope after it."""
        place = f"{name.span.path}:{name.span.line}:{name.span.column}"
        key = (kind, place, name.text)
        self.index.add_definition(Definition(key, name.span, members=members))
        return scope.with_local(name.text, Local(key, members))

    # ---- expressions

    def walk(self, expr: syntax.Expr | None, scope: Scope) -> Key:
        """Note the names of an expression; return how the keys begin of what may follow after a period."""
        match expr:
            case syntax.NameExpr(name):
                return self.walk_name(name, scope)
            case syntax.MsrExpr(name):
                self.use(name, ("msr",))
            case syntax.Member():
                return self.walk_member(expr, scope)
            case syntax.BitSelect(base) | syntax.Unary(_, base):
                self.walk(base, scope)
            case syntax.Call():
                return self.walk_call(expr, scope)
            case syntax.Binary(_, left, right):
                self.walk(left, scope)
                self.walk(right, scope)
        return ()

    def walk_name(self, name: Name, scope: Scope) -> Key:
        """Note a name that stands alone: a local, a constant, an MSR's number, or in facts a VMCS field."""
        groups: tuple[Key, ...] = (("const",), ("msr",))
        words = scope.words
        if scope.mode in ("fact", "entry"):
            groups = (*groups, ("field",), ("word",))
        if scope.mode == "entry":
            groups = (*groups, ("capabilities",))
            words = (*words, "cpuid", *PREDICATES)
        if scope.mode == "fact":
            groups, words = (*groups, ("information",)), (*words, "guest")
        if scope.mode == "body":
            groups, words = (*groups, ("extern",), ("define",), ("word",), ("layout",)), (*words, *ROOTS, *TYPES)
        if scope.mode == "condition":
            groups, words = (("word",), ("state",)), (*words, *(one.split(".")[0] for one in TABLES))
        key = self.use(cut(name), *groups, words=words, scope=scope)
        local = scope.locals.get(name.text)
        return local.members if local else self.members_of(key)

    def walk_member(self, expr: syntax.Member, scope: Scope) -> Key:
        """Note `base.name`: first what the root means as a root, else bits of a layout or members of a struct."""
        match expr.base:
            case syntax.NameExpr(root) if root.text not in scope.locals or scope.locals[root.text].key[0] == "binder":
                if rooted := self.walk_rooted(root, expr.name, scope):
                    return self.members_of(rooted)
            case syntax.Member(syntax.NameExpr(layout), bit) if self.is_layout(layout, scope):
                self.use(layout, ("layout",))
                self.use(bit, ("bit", layout.text))
                self.use(expr.name, ("value", layout.text, bit.text))
                return ()
        members = self.walk(expr.base, scope)
        self.use(expr.name, *([members] if members else []))
        return ()

    def is_layout(self, name: Name, scope: Scope) -> bool:
        """Return whether `name.bit.value` means a value that a layout names."""
        return ("layout", name.text) in self.index.definitions and name.text not in scope.locals

    def walk_rooted(self, root: Name, name: Name, scope: Scope) -> Key:
        """Note `root.name` for the roots that a place knows; return the name's key, or nothing."""
        group, words = self.find_root(root, scope)
        if not group and not words:
            return ()
        self.note_root(root, group, scope)
        return self.use(name, *([group] if group else []), words=words)

    def note_root(self, root: Name, group: Key, scope: Scope) -> None:
        """Note the root itself: a binder, a word of the language, or what has these members."""
        owners: dict[str, Key] = {"control": ("word",), "capability": ("capabilities",), "bit": ("information",)}
        owner = owners.get(group[0]) if group else ("state",) if scope.mode == "condition" else None
        self.use(cut(root), *([owner] if owner else []), words=(root.text,), scope=scope)

    def find_root(self, root: Name, scope: Scope) -> tuple[Key, tuple[str, ...]]:
        """Return the group, and the words of the language, that may follow a root; nothing where it is none."""
        binder = scope.locals.get(root.text)
        if binder is not None and binder.key[0] == "binder":
            return binder.members, ACCESS_PAYLOAD.get(binder.members[-1], ()) if binder.members else ()
        if ("word", root.text) in self.index.definitions and scope.mode in ("condition", "entry", "body"):
            return ("control", root.text), ()
        if ("capabilities", root.text) in self.index.definitions and scope.mode == "entry":
            return ("capability", root.text), ()
        if root.text in scope.layouts:
            return scope.layouts[root.text], ()
        tables = tuple(one.split(".")[1] for one in TABLES if one.startswith(f"{root.text}."))
        if tables and scope.mode == "condition":
            return (), tables
        if scope.mode == "condition" and ("state", root.text) in self.index.definitions:
            return (), (OWNED,)
        roots: dict[tuple[str, str], Key] = {
            ("entry", "cpuid"): ("feature",), ("body", "guest"): ("state",), ("fact", "guest"): ("state",),
            ("body", "vmcs"): ("field",),
        }  # fmt: skip
        words = POLICIES if (scope.mode, root.text) == ("body", "policy") else ()
        return roots.get((scope.mode, root.text), ()), words

    def walk_call(self, expr: syntax.Call, scope: Scope) -> Key:
        """Note a call: a cast, a policy, a predicate, an extern or a define."""
        members: Key = ()
        match expr.callee:
            case syntax.NameExpr(name):
                words = (*TYPES, *(PREDICATES if scope.mode == "entry" else ()))
                members = self.members_of(self.use(name, ("extern",), ("define",), words=words))
            case syntax.Member(syntax.NameExpr(root), name) if root.text == "policy":
                self.walk_rooted(root, name, scope)
                members = ("member", "regs4") if name.text == "cpuid" else ()
            case _:
                self.walk(expr.callee, scope)
        for one in expr.arguments:
            self.walk(one, scope)
        return members

    # ---- statements

    def walk_block(self, block: syntax.Block | None, scope: Scope) -> None:
        """Note the names of statements, each in the scope that those before it leave."""
        for node in block.statements if block else ():
            scope = self.walk_statement(node, scope)

    def walk_statement(self, node: Any, scope: Scope) -> Scope:
        """Note a statement's names; return the scope after it."""
        match node:
            case syntax.Let(name, type, value):
                return self.walk_let(name, type, value, scope)
            case syntax.Assign(target, value):
                self.walk(target, scope)
                self.walk(value, scope)
            case syntax.If(condition, then, otherwise):
                self.walk(condition, scope)
                self.walk_block(then, scope)
                self.walk_block(otherwise, scope)
            case syntax.CallStatement(call):
                self.walk(call, scope)
            case syntax.Return(value):
                self.walk(value, scope)
            case syntax.Fail(errno):
                self.use(errno, ("errno",))
            case syntax.Log(_, values):
                for one in values:
                    self.walk(one, scope)
            case syntax.Outcome():
                self.walk_outcome(node, scope)
            case _:
                self.walk_other(node, scope)
        return scope

    def walk_let(self, name: Name, type: Name | None, value: syntax.Expr, scope: Scope) -> Scope:
        """Note a local; its bits are those of its layout, or of its value."""
        found = self.walk(value, scope)
        members = self.walk_type(type) if type else found
        return self.define_local("local", name, members, scope)

    def walk_type(self, type: Name) -> Key:
        """Note the type of a local or a parameter: a number's, a layout or a handle."""
        return self.members_of(self.use(type, ("layout",), words=(*TYPES, *HANDLES)))

    def walk_outcome(self, node: syntax.Outcome, scope: Scope) -> None:
        """Note what an outcome names."""
        if node.vector:
            self.use(node.vector, ("vector",))
        if node.forward:
            self.use(node.forward, ("forward",))
        self.walk(node.value, scope)

    # ---- what this walker has no rule for

    def walk_other(self, node: Any, scope: Scope) -> None:
        """Note names in a node that has no rule here, by their text alone: a new clause is not lost to the editor."""
        match node:
            case Name():
                self.use_anything(node)
            case syntax.Block():
                self.walk_block(node, replace(scope, mode="body"))
            case syntax.Doc():
                self.cite(node)
            case tuple():
                for one in node:
                    self.walk_other(one, scope)
            case _ if isinstance(node, EXPRESSIONS):
                self.walk(node, replace(scope, mode="body"))
            case _ if is_dataclass(node) and not isinstance(node, type):
                for one in fields(node):
                    self.walk_other(getattr(node, one.name), scope)

    def use_anything(self, name: Name) -> None:
        """Note a name as the one thing that is called so, if there is only one."""
        if any(one.span == name.span for one in self.index.lines.get((name.span.path, name.span.line), ())):
            return
        keys = list(find_called(name.text, self.index))
        self.note(name, keys[0] if len(keys) == 1 else (UNKNOWN, name.text))


EXPRESSIONS = (
    syntax.NumberExpr, syntax.NameExpr, syntax.MsrExpr, syntax.Member, syntax.BitSelect, syntax.Call, syntax.Unary,
    syntax.Binary,
)  # fmt: skip


def find_called(text: str, index: Index) -> Iterator[Key]:
    """Yield the keys of everything with a name, but for locals."""
    return (key for key in index.definitions if key[-1] == text and key[0] not in ("local", "binder", "parameter"))


def cut(name: Name) -> Name:
    """Return a name whose span is as long as its text: that of `msr` and `vmcs` as a root goes over more."""
    return Name(name.text, replace(name.span, length=len(name.text)))
