"""Pictures of the book: flows of handlers, bitmaps, and layouts of registers agree with the model."""

import re
from collections import Counter

from codegen.book.bitmaps import MSR_DOT, causes_exit, draw_msr_bitmap
from codegen.book.flow import draw_flow, find_bound, find_ends, say_step
from codegen.book.hypercalls import list_bodies
from codegen.book.subject import Subject
from codegen.book.svg import CELL, draw_layout
from codegen.emit.bitmaps import make_io_bitmap, make_msr_bitmap
from codegen.model import ir
from codegen.query.words import walk

RECT = re.compile(r'<rect x="[\d.]+" y="([\d.]+)" width="([\d.]+)"[^>]* class="(\w+)"')


def test_a_flow_shows_every_end_of_its_body(subject: Subject) -> None:
    for label, body in list_bodies(subject):
        ends = [say_step(one) for one in walk(body.statements) if isinstance(one, ir.End)]
        assert Counter(words for words, _ in find_ends(body.statements)) >= Counter(ends), label


def test_no_path_costs_more_than_computed(subject: Subject) -> None:
    for label, body in list_bodies(subject):
        assert find_bound(body.statements) <= body.cost, label


def test_a_flow_keeps_within_its_picture(subject: Subject) -> None:
    for label, body in list_bodies(subject):
        drawn = draw_flow("start", body.statements, "words")
        width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)[0])
        places = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawn)
        for x, y, wide, high in (tuple(map(float, one)) for one in places):
            assert x + wide <= width, label
            assert y + high <= height, label


def test_bright_dots_are_the_clear_bits(subject: Subject) -> None:
    for domain in subject.domains:
        data = make_msr_bitmap(domain)
        drawn = draw_msr_bitmap(domain, data, subject)
        kinds: Counter[str] = Counter()
        for _, width, kind in RECT.findall(drawn):
            kinds[kind] += round(float(width) / MSR_DOT)
        assert kinds["good"] == 8 * len(data) - sum(byte.bit_count() for byte in data)
        assert kinds["exits"] == len(domain.bitmaps["msr"].ranges) * 128
        assert kinds["bad"] == 0


def test_ports_with_exits_are_those_of_the_policy(subject: Subject) -> None:
    for domain in subject.hosts:
        data = make_io_bitmap(domain)
        leaving = {port.name for port in subject.facts.ports.values() if causes_exit(port, data)}
        rules = {rule.port.name for rule in domain.io.rules if rule.read.kind != "pass" or rule.write.kind != "pass"}
        assert leaving == rules


def test_a_layout_is_drawn_to_scale(subject: Subject) -> None:
    layout = subject.facts.exits["ept_violation"].information[0].layout
    assert layout is not None
    widths = [float(width) / CELL for _, width, kind in RECT.findall(draw_layout(layout, "words")) if kind == "named"]
    assert widths == [bit.width for bit in layout.bits]
