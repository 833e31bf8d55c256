"""Vectors and ports."""

from __future__ import annotations

from codegen.book.access import show
from codegen.book.markup import badge, code, heading, hexadecimal, table, tag, text
from codegen.book.page import Page
from codegen.book.refs import anchor, cite, place
from codegen.book.sources import find_sections
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Doc, Port, Vector


def make_platform(subject: Subject) -> Page:
    vectors = table(
        ("Vector", "Name", "Reports as", *(one.name for one in subject.domains), "Declared"),
        [make_vector(one, subject) for one in subject.facts.vectors.values()],
    )
    ports = table(
        ("Port", "Name", *(one.name for one in subject.domains), "Declared"),
        [make_port(one, subject) for one in subject.facts.ports.values()],
    )
    facts = subject.facts
    lead = f"{len(facts.vectors)} exceptions of the processor, and {len(facts.ports)} I/O ports of a PC by name."
    return Page(
        "platform",
        "Vectors and ports",
        "Reference",
        ("## Vectors { #vectors }", cite_vectors(subject), vectors, "## Ports { #ports }", ports),
        lead=lead,
    )


def cite_vectors(subject: Subject) -> str:
    """What their table cites."""
    cited = dict.fromkeys(one for vector in subject.facts.vectors.values()
                          for one in find_sections(Doc(), vector.span, subject))  # fmt: skip
    return tag("p", cite(tuple(cited), subject), class_="cites")


def make_vector(vector: Vector, subject: Subject) -> tuple[str, ...]:
    name = heading(4, code(vector.name), anchor("vector", vector.name))
    traits = ", ".join(text(one.replace("_", " ")) for one in vector.traits)
    return (str(vector.number), name, traits, *(say_vector(vector, one) for one in subject.domains), place(vector.span))


def say_vector(vector: Vector, domain: Domain) -> str:
    policy = domain.exceptions
    if any(one.name == vector.name for one in policy.trapped):
        return badge("trap", "on")
    return (
        badge("at times", "switched", "the runtime may ask for all of them")
        if policy.switched
        else badge("native", "good")
    )


def make_port(port: Port, subject: Subject) -> tuple[str, ...]:
    numbers = hexadecimal(port.first) + (f"..{hexadecimal(port.last)}" if port.last != port.first else "")
    name = heading(4, code(port.name), anchor("port", port.name))
    return (code(numbers), name, *(say_port(port, one) for one in subject.domains), place(port.span))


def say_port(port: Port, domain: Domain) -> str:
    """Its rule in both directions, or the default."""
    rule = next((one for one in domain.io.rules if one.port.name == port.name), None)
    read = rule.read if rule else domain.io.default_read
    write = rule.write if rule else domain.io.default_write
    if read.kind == write.kind == "pass":
        return badge("native", "good")
    target = f"{domain.name}-handlers.html#{port.name}-"
    return (
        tag("span", f"read {show(read, target + 'read')}")
        + "<br>"
        + tag("span", f"write {show(write, target + 'write')}")
    )
