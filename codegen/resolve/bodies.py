"""Bodies to typed statements. Every path ends in exactly one outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from codegen import errors
from codegen.language import syntax
from codegen.model import ir
from codegen.model.choices import Body
from codegen.model.cost import cost_of
from codegen.model.facts import Vector
from codegen.model.types import BOOL, U32, U64, Scalar, StructType
from codegen.resolve.declarations import check_reserved
from codegen.resolve.defines import check_layout, enter_define, find_define, find_type, settle_literal
from codegen.resolve.expressions import resolve, resolve_value
from codegen.resolve.scope import NOTHING, Scope, fit
from codegen.source import Span

LOG_VALUES = 2
HOLE = "%"
WRITABLE_CONTROLS = {"tsc_offset"}  # besides the shadows of registers


def resolve_body(block: syntax.Block, what: str, scope: Scope) -> Body:
    """Return a typed body, every path of which has ended."""
    statements, end = resolve_block(block, scope)
    if end is None:
        wanted = "a result" if scope.hypercall else "an outcome"
        errors.no_outcome(scope.reporter, find_open_end(block), what, wanted)
    return Body(statements, cost_of(statements))


def find_open_end(block: syntax.Block) -> Span:
    """Return where a path ends without outcome: the last statement of the open branch, or the empty block."""
    last = block.statements[-1] if block.statements else None
    if isinstance(last, syntax.If) and last.otherwise is not None:
        return find_open_end(last.otherwise if has_end(last.then) else last.then)
    return last.span if last else block.span


def has_end(block: syntax.Block) -> bool:
    """Return whether no path continues after the block."""
    last = block.statements[-1] if block.statements else None
    if isinstance(last, syntax.If):
        return last.otherwise is not None and has_end(last.then) and has_end(last.otherwise)
    return isinstance(last, syntax.Return | syntax.Fail | syntax.Outcome)


def resolve_block(block: syntax.Block, scope: Scope) -> tuple[tuple[ir.Statement, ...], Span | None]:
    """Return the statements, and where every path through them has ended (None: some path continues)."""
    made, _, end = resolve_statements(block.statements, scope)
    return made, end


def resolve_statements(
    nodes: Iterable[syntax.Statement], scope: Scope
) -> tuple[tuple[ir.Statement, ...], Scope, Span | None]:
    """Return statements, the scope after them, and where their paths ended."""
    made: list[ir.Statement] = []
    end: Span | None = None
    for node in nodes:
        if end is not None:
            errors.after_outcome(scope.reporter, node.span, end)
            break
        define = find_define(node.call, scope) if isinstance(node, syntax.CallStatement) else None
        if isinstance(node, syntax.CallStatement) and define is not None:
            inlined, scope, end = resolve_use(node, define, scope)
            made += inlined
            continue
        statement, scope, end = resolve_statement(node, scope)
        if statement is not None:
            made.append(statement)
    return tuple(made), scope, end


def resolve_use(
    node: syntax.CallStatement, define: syntax.Define, scope: Scope
) -> tuple[list[ir.Statement], Scope, Span | None]:
    """Return the statements that a define stands for; names that it brings into C stay taken."""
    entered = enter_define(node, define, scope)
    if entered is None:
        return [], scope, None
    lets, inner = entered
    made, inner, end = resolve_statements(define.body.statements, inner)
    return [*lets, *made], replace(scope, taken=inner.taken), node.span if end else None


def resolve_statement(
    node: syntax.Statement, scope: Scope
) -> tuple[ir.Statement | None, Scope, Span | None]:
    """Return the statement, the scope after it, and where its paths ended."""
    match node:
        case syntax.Let():
            return resolve_let(node, scope)
        case syntax.Assign():
            return resolve_assign(node, scope), scope, None
        case syntax.If():
            branch, end = resolve_if(node, scope)
            return branch, scope, end
        case syntax.CallStatement():
            return resolve_call_statement(node, scope), scope, None
        case syntax.Log():
            return resolve_log(node, scope), scope, None
        case syntax.Return() | syntax.Fail():
            return resolve_return(node, scope), scope, node.span
        case syntax.Outcome():
            return resolve_outcome(node, scope), scope, node.span


def resolve_let(node: syntax.Let, scope: Scope) -> tuple[ir.Statement | None, Scope, None]:
    """Return a local, and the scope that knows it."""
    type, layout = find_type(node.type, scope)
    value = resolve_value(node.value, scope, type) if type else settle(resolve(node.value, scope), node.value, scope)
    check_local(node.name, scope)
    if value is not None and layout is not None and isinstance(value.type, StructType):
        value = fit(value, U64, node.value.span, scope)
    if value is None:
        return None, scope.with_local(node.name, ir.Local(node.name.text, type or U64, layout)), None
    check_layout(layout, value, node.value, scope)
    layout = layout or ir.layout_of(value)
    name = scope.free_name(node.name.text)
    local = ir.Local(name, type or value.type, layout)
    return ir.LetLocal(name, widen(value, type), node.name.span, layout), scope.with_local(node.name, local), None


def widen(value: ir.Expression, type: Scalar | None) -> ir.Expression:
    """Return the value in the type that a local is declared with."""
    return value if type is None or value.type == type else ir.Cast(value, type)


def settle(value: ir.Expression | None, node: syntax.Expr, scope: Scope) -> ir.Expression | None:
    """Return what a local can hold: a bare number gets 64 bits; a call without a value is reported."""
    if value is not None and value.type == NOTHING:
        message = "the call returns nothing"
        errors.type_mismatch(scope.reporter, node.span, message, "no value", "call it as a statement, without let")
        return None
    return settle_literal(value, node, scope)


def check_local(name: syntax.Name, scope: Scope) -> None:
    """Report a local that hides another local or the payload, or is a word of C."""
    if name.text in scope.places:
        errors.duplicate_name(scope.reporter, name, "local", scope.places[name.text])
    check_reserved(name, "local", scope.reporter)


def resolve_call_statement(node: syntax.CallStatement, scope: Scope) -> ir.Statement | None:
    """Return a call whose value is not used; only an extern does anything then."""
    call = resolve(node.call, scope)
    if call is not None and not isinstance(call, ir.ExternCall):
        message = "this statement does nothing"
        errors.type_mismatch(scope.reporter, node.span, message, "its value is lost", "call an extern")
        return None
    return ir.Evaluate(call, node.span) if call else None


def resolve_log(node: syntax.Log, scope: Scope) -> ir.Statement:
    """Return a line of the log with at most two numbers."""
    values = [resolve_value(value, scope, U64) for value in node.values]
    if len(values) > LOG_VALUES:
        message = f"`log` takes {LOG_VALUES} numbers, {len(values)} are given"
        errors.type_mismatch(scope.reporter, node.values[LOG_VALUES].span, message, "one too many", "use a second line")
    check_holes(node, scope)
    return ir.LogLine(node.text.value, tuple(value for value in values if value), node.span)


def check_holes(node: syntax.Log, scope: Scope) -> None:
    """Report a text with more or fewer places for numbers than there are numbers."""
    holes = node.text.value.count(HOLE)
    if holes != len(node.values) <= LOG_VALUES:
        numbers = "1 number follows" if len(node.values) == 1 else f"{len(node.values)} numbers follow"
        message = f"the text has {holes} `{HOLE}` and {numbers}"
        help = f"each `{HOLE}` is replaced by the next number, in hexadecimal"
        if holes < len(node.values):
            text = node.text.value + "".join(f" {HOLE}" for _ in node.values[holes:])
            help = f'write "{text}": {help}'
        errors.type_mismatch(scope.reporter, node.text.span, message, f"{holes} of {len(node.values)}", help)


def resolve_if(node: syntax.If, scope: Scope) -> tuple[ir.Statement | None, Span | None]:
    """Return both branches; the path ends where both do."""
    condition = resolve_value(node.condition, scope, BOOL)
    then, then_end = resolve_block(node.then, scope)
    otherwise, other_end = resolve_block(node.otherwise, scope) if node.otherwise else ((), None)
    end = node.span if then_end and other_end else None
    return (ir.Branch(condition, then, otherwise, node.span) if condition else None), end


def resolve_assign(node: syntax.Assign, scope: Scope) -> ir.Statement | None:
    """Return a write to guest state or to the VMCS."""
    target = resolve(node.target, scope)
    if target is None:
        return None
    low, high, whole = (target.low, target.high, target.base) if isinstance(target, ir.Bits) else (None, None, target)
    if not isinstance(target.type, Scalar) or not check_writable(whole, node.target, scope):
        return None
    value = resolve_value(node.value, scope, target.type)
    if value is None:
        return None
    if isinstance(whole, ir.GuestRead):
        return ir.GuestWrite(whole.field, value, low, high, node.span)
    assert isinstance(whole, ir.VmcsRead)
    return ir.VmcsWrite(whole.field, value, low, high, node.span)


def list_writable(scope: Scope) -> set[str | None]:
    """Return the control fields that a body may write."""
    return {*WRITABLE_CONTROLS, *(one.shadow for one in scope.facts.state.values())}


def check_writable(target: ir.Expression, node: syntax.Expr, scope: Scope) -> bool:
    """Return whether a body may write there, after reporting if not."""
    match target:
        case ir.GuestRead(field) if field.name == "rip":
            why = "an outcome changes it: advance, resume or inject"
            errors.read_only(scope.reporter, node.span, "guest.rip", why, field.span)
            return False
        case ir.GuestRead(_):
            return True
        case ir.VmcsRead(field) if field.area == "guest" or field.name in list_writable(scope):
            return True
        case ir.VmcsRead(field):
            host = field.area == "host"
            owner = "host fields belong to the runtime" if host else "controls are set by `set`, `own`, `msr`, `io`"
            errors.read_only(scope.reporter, node.span, f"vmcs.{field.name}", owner, field.span)
            return False
    layout = ir.layout_of(target)
    what = layout.name if layout else "this"
    message = f"{what} is a value, not a place"
    errors.type_mismatch(scope.reporter, node.span, message, "cannot be assigned", "assign to guest.NAME or vmcs.NAME")
    return False


def resolve_return(node: syntax.Return | syntax.Fail, scope: Scope) -> ir.Statement | None:
    """Return `return` or `fail`, which hypercalls alone have."""
    if not scope.hypercall:
        message = "only a hypercall returns; a handler ends with an outcome"
        help = "advance, resume, inject, forward, reset or stop"
        errors.type_mismatch(scope.reporter, node.span, message, "not here", help)
        return None
    if isinstance(node, syntax.Fail):
        errno = scope.facts.errnos.get(node.errno.text)
        if errno is None:
            errors.unknown_name(scope.reporter, node.errno, "error number", scope.facts.errnos)
            return None
        if errno.name not in scope.failures:
            errors.errno_undeclared(scope.reporter, node.errno, scope.failures)
        return ir.End("fail", ir.Constant(errno.number, U64, errno.name), None, "", node.span)
    return ir.End("return", resolve_result(node.value, scope), None, "", node.span)


def resolve_result(node: syntax.Expr, scope: Scope) -> ir.Expression | None:
    """Return a value; or an extern's answer, which is a value or an error already."""
    value = resolve(node, scope)
    if value is None or value.type == scope.structs.get("answer"):
        return value
    return fit(value, scope.returns or U64, node.span, scope)


def resolve_outcome(node: syntax.Outcome, scope: Scope) -> ir.Statement | None:
    """Return an outcome, which handlers alone have."""
    if scope.hypercall:
        message = "a hypercall ends with return or fail, not with an outcome"
        errors.type_mismatch(scope.reporter, node.span, message, "not here")
        return None
    vector = None
    if node.vector is not None:
        vector = scope.facts.vectors.get(node.vector.text)
        if vector is None:
            errors.unknown_name(scope.reporter, node.vector, "vector", scope.facts.vectors)
            return None
    if node.forward is not None:
        return resolve_forward(node.forward, node.span, scope)
    check_length(node, scope)
    check_guest(node, scope)
    check_error_code(node, vector, scope)
    value = resolve_value(node.value, scope, U64) if node.value else None
    return ir.End(node.kind, value, vector, node.text.value if node.text else "", node.span)


def check_length(node: syntax.Outcome, scope: Scope) -> None:
    """Report `advance` where the length is no fact, and `advance by` where it is one."""
    span = scope.length_span or node.span
    if scope.length == "none" or (scope.length == "decoder" and node.kind == "advance"):
        if node.kind in ("advance", "advance_by"):
            errors.advance_length(scope.reporter, node.span, scope.event, str(scope.length), span)
    elif node.kind == "advance_by" and scope.length != "decoder":
        errors.advance_known(scope.reporter, node.span, scope.event, span)


def check_error_code(node: syntax.Outcome, vector: Vector | None, scope: Scope) -> None:
    """Report an error code that the vector does not push, or a missing one. SDM: 6.13"""
    if vector is None or ("error_code" in vector.traits) == (node.value is not None):
        return
    if node.value is None:
        message, help = f"`{vector.name}` pushes an error code", f"say which: inject {vector.name}(0);"
    else:
        message, help = f"`{vector.name}` pushes no error code", f"write inject {vector.name};"
    errors.type_mismatch(scope.reporter, node.span, message, "which code?" if node.value is None else "no code", help)


def resolve_forward(name: syntax.Name, span: Span, scope: Scope) -> ir.End | None:
    """Return an exit to the VMM, for a reason that it knows; only a domain under a VMM has that."""
    if not scope.under:
        message = f"{scope.domain} has no VMM to forward to"
        errors.not_valid_here(scope.reporter, span, message, "only a domain `under vmm` forwards its exits")
        return None
    reason = scope.facts.forwards.get(name.text)
    if reason is None:
        errors.unknown_name(scope.reporter, name, "exit reason for the VMM", scope.facts.forwards)
        return None
    return ir.End("forward", ir.Constant(reason.number, U32, reason.name), None, scope.domain, span)


def check_guest(node: syntax.Outcome, scope: Scope) -> None:
    """Report `stop` and `reset` in a domain under a VMM, which does not decide about the machine."""
    if scope.under and node.kind in ("stop", "reset"):
        message = f"`{node.kind}` ends the machine, and {scope.domain} is a domain of a VMM"
        errors.not_valid_here(scope.reporter, node.span, message, "reflect it to the VMM: forward NAME;")
