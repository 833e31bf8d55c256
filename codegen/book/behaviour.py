"""The page of a domain's handlers and of the bodies in its tables."""

from __future__ import annotations

from codegen.book.costs import make_costs
from codegen.book.handlers import make_handler, make_summary
from codegen.book.page import Page
from codegen.book.subject import Subject
from codegen.book.table_bodies import list_table_bodies, make_table_body
from codegen.model.choices import Domain


def make_behaviour(domain: Domain, subject: Subject) -> Page:
    bodies = list_table_bodies(domain)
    lead = (
        f"{len(domain.handlers)} handlers of events, and {len(bodies)} bodies in the tables of MSRs and ports. "
        "Each path ends in one outcome. Beside an outcome stands what the way there costs at most, in instructions."
    )
    parts = [
        "## All at a glance { #glance }", make_summary(domain, subject), *make_costs(subject),
        "## Events { #events }", *(make_handler(one, domain, subject) for one in domain.handlers.values()),
        "## MSRs and ports { #tables }", *(make_table_body(one, domain, subject) for one in bodies),
    ]  # fmt: skip
    return Page(f"{domain.name}-handlers", "Handlers", f"This hypervisor/{domain.name}", tuple(parts), lead=lead)
