"""The whole spec: facts first, then the choices that refer to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codegen.diagnostics import Reporter, merge_reports
from codegen.language import syntax
from codegen.language.words import MANUALS, cite
from codegen.model import choices
from codegen.model.facts import Facts
from codegen.resolve.choices import ChoiceResolver
from codegen.resolve.declarations import check_docs, of_kind
from codegen.resolve.exits import add_checks, add_exits, add_information
from codegen.resolve.host import add_reset_table
from codegen.resolve.tables import TableResolver
from codegen.source import find_processor


def resolve_each(files: Iterable[syntax.File], reporter: Reporter) -> dict[str, choices.Model]:
    """Return a model for each processor: the same choices, held against its facts and the machine's."""
    items = split_files(files)
    reports = {name: Reporter() for name in items}
    facts = {name: resolve_facts(some, reports[name]) for name, some in items.items()}
    features = {feature for one in facts.values() for feature in one.features}
    events = {event for one in facts.values() for event in one.events}
    models = {}
    for name, some in items.items():
        seen = replace(facts[name], processor=name, processors=tuple(items), foreign_events=frozenset(events),
                       foreign_features=frozenset(features))
        check_docs(some, seen, reports[name])
        models[name] = ChoiceResolver(some, seen, reports[name]).resolve()
    merge_reports(reports, reporter)
    return models


def resolve_facts(items: list[syntax.Item], reporter: Reporter) -> Facts:
    """Return the facts, resolved in the order in which they refer to each other."""
    resolver = TableResolver(reporter)
    steps: list[tuple[type, Any]] = [
        (syntax.Layout, lambda node, doc: resolver.add_layout(node)),
        (syntax.Processor, lambda node, doc: resolver.add_encoding(node)),
        (syntax.Cpuid, lambda node, doc: resolver.name_features(node)),
        (syntax.Vmcs, resolver.add_vmcs),
        (syntax.Controls, resolver.add_controls),
        (syntax.Msrs, lambda node, doc: resolver.add_msrs(node)),
        (syntax.Msrs, lambda node, doc: resolver.link_msrs(node)),
        (syntax.Controls, lambda node, doc: resolver.link_controls(node)),
        (syntax.Vmcs, lambda node, doc: resolver.link_vmcs(node)),
        (syntax.Capabilities, resolver.add_capabilities),
        (syntax.SwitchedMsrs, lambda node, doc: resolver.link_switched(node)),
        (syntax.Vectors, lambda node, doc: resolver.add_vectors(node)),
        (syntax.Ports, lambda node, doc: resolver.add_ports(node)),
        (syntax.Errnos, lambda node, doc: resolver.add_errnos(node)),
        (syntax.Forwards, lambda node, doc: resolver.add_forwards(node)),
        (syntax.Bitmap, resolver.add_bitmap),
        (syntax.State, lambda node, doc: resolver.add_state(node)),
        (syntax.ResetTable, lambda node, doc: add_reset_table(node, resolver)),
        (syntax.Information, lambda node, doc: add_information(node, resolver)),
        (syntax.Exits, lambda node, doc: add_exits(node, resolver)),
        (syntax.Cpuid, resolver.link_cpuid),
        (syntax.FeatureNeeds, lambda node, doc: resolver.link_features(node)),
        (syntax.Processor, lambda node, doc: resolver.add_extensions(node)),
        (syntax.Checks, lambda node, doc: add_checks(node, doc, resolver)),
    ]
    for kind, step in steps:
        for node, doc in of_kind(items, kind):
            step(node, doc)
    return with_manual(items, resolver.facts)


def find_manual(title: str) -> str:
    """Return the short name by which a manual is cited."""
    return next((word for word in title.split() if word in MANUALS), MANUALS[0])


def with_manual(items: list[syntax.Item], facts: Facts) -> Facts:
    """Add the edition and its sections."""
    manuals = of_kind(items, syntax.Manual)
    edition = manuals[0][0].edition.value if manuals else ""
    sections = {cite(find_manual(node.title.value), one.number.text): one.title.value
                for node, _ in manuals for one in node.sections}
    return replace(facts, edition=edition, sections=sections)


# ---- which facts are one processor's


DEFAULT = "vmx"  # whose facts a spec has that is not in folders


def split_files(files: Iterable[syntax.File]) -> dict[str, list[syntax.Item]]:
    """Return for each processor the declarations that it sees: its own, the machine's, and all choices."""
    known = list(files)
    names = sorted({find_processor(file.path) for file in known} - {""}) or [DEFAULT]
    return {
        name: [item for file in known if find_processor(file.path) in ("", name) for item in file.items]
        for name in names
    }
