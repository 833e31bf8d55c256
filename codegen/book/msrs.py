"""Pages of MSRs, vectors and ports, and what a domain's policy does with an access."""

from __future__ import annotations

from codegen.book.markup import Page, badge, code, heading, hexadecimal, table, tag, text
from codegen.book.refs import anchor, cite, find_sections, place, ref, say_doc
from codegen.book.subject import Subject
from codegen.model.choices import Action, Domain, MsrRule
from codegen.model.facts import Bitmap, Doc, Msr, Port, Vector
from codegen.query.words import outcomes_of, say_list

# ---- what a policy does with an access: the rule for a number, its color, and its words


# Kind of action -> color, and its meaning for legends. Everything but `pass` is a set bit in the bitmap.
KINDS = {
    "pass": ("good", "native: no VM exit"),
    "forward": ("prefer", "reflected to the VMM"),
    "hypercalls": ("on", "hypercalls of root; any other access is performed natively"),
    "try": ("warm", "try: performed in root mode with a fault fixup"),
    "value": ("switched", "a constant"),
    "do": ("on", "a handler body in the spec"),
    "inject": ("fault", "an exception"),
}


def rules_of(domain: Domain, direction: str) -> tuple[tuple[MsrRule, ...], Action]:
    policy = domain.msr
    return (policy.read, policy.default_read) if direction == "read" else (policy.write, policy.default_write)


def action_for(domain: Domain, direction: str, number: int) -> Action:
    """Return what the policy does with an MSR: its rule's action, or the default."""
    rules, default = rules_of(domain, direction)
    return next((one.action for one in rules if one.first <= number <= one.last), default)


def color(action: Action) -> str:
    return KINDS[action.kind][0]


def words_of(action: Action) -> str:
    """Return an action in a word or two, without markup."""
    match action.kind:
        case "pass":
            return "native"
        case "value":
            return f"{action.value:#x}"
        case "inject" if action.vector is not None:
            return f"inject {action.vector.name}"
        case "forward" if action.body is not None:
            return say_list(outcomes_of(action.body.statements))
        case "do" if action.body is not None:
            return f"do: {say_list(outcomes_of(action.body.statements))}"
    return action.kind


def show_action(action: Action, body: str = "") -> str:
    """Return an action as a badge with its place; a body's badge links to its diagram."""
    label = badge("do" if action.kind == "do" else words_of(action), color(action), words_of(action))
    return (tag("a", label, href=body) if body and action.kind == "do" else label) + " " + place(action.span)


def find_body(domain: Domain, direction: str, action: Action) -> str:
    """Return the first rule that has an action's body, which rules may share; nothing if the action has no body."""
    rules, _ = rules_of(domain, direction)
    return next((one.name for one in rules if action.kind == "do" and one.action.body is action.body), "")


def body_anchor(domain: Domain, direction: str, action: Action) -> str:
    """Return the link to a body's diagram."""
    name = find_body(domain, direction, action)
    return f"{domain.name}-handlers.html#{name}-{direction}" if name else ""


def bitmap_place(number: int, direction: str, bitmap: Bitmap) -> str:
    """Return where an MSR's bit is, as `byte.bit` of the page, or that it has none."""
    place = bitmap.find(direction, number)
    return "always exits" if place is None else f"{place // 8}.{place % 8}"


def show_guard(msr: Msr) -> str:
    """Return why an MSR must not be passed for writing."""
    return badge("guarded", "bad", msr.guarded) + " " + text(msr.guarded) if msr.guarded else ""


def say_numbers(first: int, last: int) -> str:
    return hexadecimal(first) if first == last else f"{hexadecimal(first)}..{hexadecimal(last)}"


def is_set(data: bytes, index: int) -> bool:
    """Return true if a bit of a bitmap is set."""
    return bool(data[index // 8] >> index % 8 & 1)


# ---- MSRs by class


def make_msrs(subject: Subject) -> Page:
    facts = subject.facts
    guarded = sum(bool(one.guarded) for one in facts.msrs.values())
    lead = (
        f"{len(facts.msrs)} MSRs and banks of MSRs in {len(facts.msr_classes)} classes; {guarded} are guarded: a "
        "write must not be passed. A number without a fact follows the domain's default. <em>In the bitmap</em>: byte "
        "and bit of reading, then of writing, of the first register."
    )
    defaults = [say_default(one) for one in subject.domains]
    parts = [make_class(name, title, subject) for name, title in facts.msr_classes.items()]
    return Page("msrs", "MSRs", "Reference", (*defaults, *parts), lead=lead)


def say_default(domain: Domain) -> str:
    policy = domain.msr
    read, write = show_action(policy.default_read), show_action(policy.default_write)
    return tag("p", f"{code(domain.name)} by default: read {read}, write {write}.")


def make_class(name: str, title: str, subject: Subject) -> str:
    members = sorted((one for one in subject.facts.msrs.values() if one.group == name), key=lambda one: one.first)
    if not members:
        return ""
    head = (
        "Number",
        "MSR",
        *(f"{one.name}: {way}" for one in subject.domains for way in ("read", "write")),
        "In the bitmap",
        "Declared",
    )
    rows = [make_row(one, subject) for one in members]
    sections = dict.fromkeys(section for one in members for section in find_sections(one.doc, one.span, subject))
    words = tag("p", f"Class {code(name)} {tag('span', cite(tuple(sections), subject), class_='cites')}")
    return f"## {title} {{ #class-{name} }}\n\n{words}\n{table(head, rows)}"


def make_row(msr: Msr, subject: Subject) -> tuple[str, ...]:
    name = heading(4, code(msr.name), msr.name)
    notes = [say_doc(msr.doc, subject, brief=True), show_guard(msr), show_switch(msr), *list_domains(msr, subject)]
    words = "".join(tag("p", note) for note in notes if note)
    actions = [
        show_action(action, body_anchor(domain, way, action))
        for domain in subject.domains for way in ("read", "write") for action in [action_for(domain, way, msr.first)]
    ]  # fmt: skip
    return (code(say_numbers(msr.first, msr.last)), name + words, *actions, show_bits(msr, subject), place(msr.span))


def show_bits(msr: Msr, subject: Subject) -> str:
    """Return byte and bit of both directions."""
    places = dict.fromkeys(bitmap_place(msr.first, way, subject.facts.bitmaps["msr"]) for way in ("read", "write"))
    return "<br>".join(code(one) if one[0].isdigit() else one for one in places)


def show_switch(msr: Msr) -> str:
    """Return the fields and controls that give guest and host a value each."""
    switch = msr.switched
    if switch is None:
        return ""
    fields = " and ".join(ref("field", one) for one in (switch.guest, switch.host) if one)
    controls = ", ".join(f"{way} {ref('control', name)}" for way, name in switch.controls)
    return f"switched by {fields}" + (f"; {controls}" if controls else "")


def list_domains(msr: Msr, subject: Subject) -> list[str]:
    """Return the domains for which this register is switched."""
    return [
        f"{code(domain.name)} has its own, by {one.means} {place(one.span)}"
        for domain in subject.domains
        for one in domain.switched
        if one.msr.name == msr.name
    ]


# ---- vectors and ports


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
    """Return what the table of vectors cites."""
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
        badge("at times", "switched", "the runtime may trap all of them")
        if policy.switched
        else badge("native", "good")
    )


def make_port(port: Port, subject: Subject) -> tuple[str, ...]:
    numbers = hexadecimal(port.first) + (f"..{hexadecimal(port.last)}" if port.last != port.first else "")
    name = heading(4, code(port.name), anchor("port", port.name))
    return (code(numbers), name, *(say_port(port, one) for one in subject.domains), place(port.span))


def say_port(port: Port, domain: Domain) -> str:
    """Return a port's rule in both directions, or the default."""
    rule = next((one for one in domain.io.rules if one.port.name == port.name), None)
    read = rule.read if rule else domain.io.default_read
    write = rule.write if rule else domain.io.default_write
    if read.kind == write.kind == "pass":
        return badge("native", "good")
    target = f"{domain.name}-handlers.html#{port.name}-"
    return (
        tag("span", f"read {show_action(read, target + 'read')}")
        + "<br>"
        + tag("span", f"write {show_action(write, target + 'write')}")
    )
