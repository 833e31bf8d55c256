"""The model converted back to syntax (codegen/resolve/lift.py): its text parses, and resolves to the same model."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from codegen.compiler import compile_files
from codegen.language import syntax
from codegen.language.expressions import say_expression
from codegen.model import ir
from codegen.model.choices import Domain, Model
from codegen.resolve.lift import lift_block, lift_condition
from codegen.source import NOWHERE, SourceFile
from tests.lib.support import compile_spec, load_spec, parse_text, strip_spans


def has_enumerator(node: object, model: Model) -> bool:
    """Return true if the tree has an enumerator, whose name in the model is that of C."""
    if isinstance(node, ir.Constant):
        known = {*model.constants, *model.facts.msrs, *model.facts.errnos, *model.facts.forwards, ""}
        return node.name not in known
    if isinstance(node, tuple):
        return any(has_enumerator(one, model) for one in node)
    if is_dataclass(node) and type(node).__module__ == ir.__name__:
        return any(has_enumerator(getattr(node, field.name), model) for field in fields(node))
    return False


def lift_handler(node: syntax.Handler, domain: Domain, model: Model) -> syntax.Handler:
    """Return the handler with its body from the model; one with an enumerator is not changed."""
    body = domain.handlers[node.event.text].body
    if has_enumerator(body.statements, model):
        return node
    return replace(node, body=lift_block(body.statements, node.binder.text if node.binder else ""))


def lift_file(file: syntax.File, model: Model) -> syntax.File:
    """Return a file whose handlers and hypercalls come from the model."""
    items = []
    for item in file.items:
        node = item.declaration
        if isinstance(node, syntax.Hypercall) and node.body:
            node = replace(node, body=lift_block(model.hypercalls[node.name.text].body.statements))
        elif isinstance(node, syntax.Domain):
            domain = model.domains[node.name.text]
            clauses = (lift_handler(one, domain, model) if isinstance(one, syntax.Handler) else one
                       for one in node.clauses)
            node = replace(node, clauses=tuple(clauses))
        items.append(replace(item, declaration=node))
    return replace(file, items=tuple(items))


def test_bodies_resolve_to_the_same_model() -> None:
    model = compile_spec()
    files = [(file, lift_file(file, model)) for file in load_spec()[1]]
    sources = [SourceFile(made.path, syntax.unparse(made)) for file, made in files if made != file]
    again = compile_files([*(file for file, made in files if made == file), *map(parse_text, sources)], sources)
    lifted = 0
    for domain in model.domains.values():
        for event, handler in domain.handlers.items():
            assert strip_spans(again.domains[domain.name].handlers[event].body) == strip_spans(handler.body)
            lifted += not has_enumerator(handler.body.statements, model)
    for name, call in model.hypercalls.items():
        assert strip_spans(again.hypercalls[name].body) == strip_spans(call.body)
    assert lifted > 10


def test_conditions_leave_out_what_decides_nothing() -> None:
    atom, other = ir.ControlAtom("primary.hlt_exiting", NOWHERE), ir.TableAtom("io.traps", NOWHERE)
    both = ir.AndCondition((ir.Always(True), ir.OrCondition((atom, ir.NotCondition(other)))))
    assert say_expression(lift_condition(both)) == "primary.hlt_exiting or not io.traps"
    assert say_expression(lift_condition(ir.AndCondition((atom, ir.OrCondition((other, atom)))))) \
        == "primary.hlt_exiting and (io.traps or primary.hlt_exiting)"
    assert say_expression(lift_condition(ir.AndCondition(()))) == "always"
    assert say_expression(lift_condition(ir.AndCondition((atom, ir.AndCondition((other, ir.Always(True))))))) \
        == "primary.hlt_exiting and io.traps"
    assert say_expression(lift_condition(ir.NotCondition(ir.AndCondition((atom, other))))) \
        == "not (primary.hlt_exiting and io.traps)"
