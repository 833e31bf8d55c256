"""Conditions of facts: over controls, a domain's tables, and MSRs."""

from __future__ import annotations

from codegen import errors, syntax
from codegen.diagnostics import Reporter
from codegen.model import ir
from codegen.model.facts import Facts

TABLES = (
    "exceptions.traps", "io.traps", "msr.read_traps", "msr.write_traps", "cr0.owned", "cr4.owned",
)


def resolve_condition(expr: syntax.Expr | str | None, facts: Facts, reporter: Reporter) -> ir.Condition:
    """None and "always" hold; what was reported holds too, so that it is not reported again."""
    match expr:
        case None | "always":
            return ir.Always(True)
        case "never":
            return ir.Always(False)
        case syntax.Unary("not", operand):
            return ir.NotCondition(resolve_condition(operand, facts, reporter))
        case syntax.Binary("and", left, right):
            return ir.AndCondition(both(left, right, facts, reporter))
        case syntax.Binary("or", left, right):
            return ir.OrCondition(both(left, right, facts, reporter))
        case syntax.Member(syntax.NameExpr(root), name):
            return resolve_atom(root, name, facts, reporter)
        case syntax.MsrExpr(name) if name.text in facts.msrs:
            return ir.MsrAtom(name.text, name.span)
        case syntax.MsrExpr(name):
            errors.unknown_name(reporter, name, "MSR", facts.msrs)
        case _ if not isinstance(expr, str):
            message = "a condition is made of controls, tables, MSRs, and, or, not"
            help = "write a control as primary.hlt_exiting, a table as io.traps, an MSR as msr IA32_PAT"
            errors.type_mismatch(reporter, expr.span, message, "no condition", help)
    return ir.Always(True)


def both(
    left: syntax.Expr, right: syntax.Expr, facts: Facts, reporter: Reporter
) -> tuple[ir.Condition, ...]:
    """Both sides of an operator."""
    return (resolve_condition(left, facts, reporter), resolve_condition(right, facts, reporter))


def resolve_atom(root: syntax.Name, name: syntax.Name, facts: Facts, reporter: Reporter) -> ir.Condition:
    """`word.control` or `table.property`."""
    path = f"{root.text}.{name.text}"
    if path in facts.controls:
        return ir.ControlAtom(path, root.span)
    if path in TABLES:
        return ir.TableAtom(path, root.span)
    if root.text in facts.words:
        known = [control.name for control in facts.words[root.text].controls]
        errors.unknown_name(reporter, name, f"control in `{root.text}`", known)
    else:
        roots = [*facts.words, *(table.split(".")[0] for table in TABLES)]
        errors.unknown_name(reporter, root, "control word or table", roots)
    return ir.Always(True)
