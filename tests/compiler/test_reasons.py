"""An exit has one name: what is reflected to a VMM is called as its event is, and C has a function of that name."""

from __future__ import annotations

import pytest

from codegen.emit.exits import POLICY_EVENTS, find_forward, policy_bodies
from codegen.model.choices import Domain
from tests.lib.abi import MODEL
from tests.lib.support import ROOT

SHARED = {"INTERRUPTED", "UNEXPECTED"}  # many events, of which the VMM learns nothing else
GUESTS = [domain for domain in MODEL.domains.values() if domain.under]


def list_reasons(domain: Domain) -> dict[str, set[str]]:
    """Return the reasons under which each event is reflected, where that is all that a body does."""
    bodies = {event: [handler.body] for event, handler in domain.handlers.items()}
    bodies |= {event: policy_bodies(event, domain) for event in POLICY_EVENTS}
    return {event: {find_forward(body) for body in some} - {""} for event, some in bodies.items()}


@pytest.mark.parametrize("domain", GUESTS, ids=lambda one: one.name)
def test_reasons_have_the_names_of_events(domain: Domain) -> None:
    found = list_reasons(domain)
    others = {event: names - {event.upper()} - SHARED for event, names in found.items()}
    assert {event: names for event, names in others.items() if names} == {}
    assert sum(bool(names - SHARED) for names in found.values()) > 10


def test_one_grep_finds_who_handles_a_nested_page_fault() -> None:
    for name, function in (
        ("runtime/dom0/memory.c", "handle_nested_page_fault"), ("runtime/vmx/reflect.c", "store_nested_page_fault"),
        ("dom0/libluvkvm/luvalley/access.c", "handle_nested_page_fault"), ("spec/dom0.luv", "on nested_page_fault"),
        ("spec/domu.luv", "forward nested_page_fault"),
    ):
        assert function in (ROOT / name).read_text(), name
