"""Pages of the book that are made from the model: complete, with the anchors that links use."""

import re
from dataclasses import replace

import pytest

from codegen.book.markup import Page
from codegen.book.pages import make_navigation, make_pages
from codegen.book.refs import PAGES, anchor
from codegen.book.subject import Subject
from codegen.emit import generate
from codegen.query.coverage import STATUSES, make_coverage
from codegen.source import load_file
from tests.lib.support import ROOT, TESTS, compile_small, find_cases, load_facts

ANCHOR = re.compile(r"""id="([^"]+)"|\{ #([^ ]+) \}""")
DECLARED = {
    "exit": lambda subject: subject.facts.exits,
    "event": lambda subject: subject.facts.events,
    "field": lambda subject: subject.facts.vmcs,
    "control": lambda subject: subject.facts.controls,
    "word": lambda subject: subject.facts.words,
    "msr": lambda subject: subject.facts.msrs,
    "feature": lambda subject: subject.facts.features,
    "capability": lambda subject: subject.facts.capabilities,
    "vector": lambda subject: subject.facts.vectors,
    "port": lambda subject: subject.facts.ports,
    "state": lambda subject: subject.facts.state,
    "layout": lambda subject: subject.facts.layouts,
    "hypercall": lambda subject: subject.model.hypercalls,
    "errno": lambda subject: subject.model.errnos,
    "extern": lambda subject: subject.model.externs,
    "region": lambda subject: subject.model.regions,
    "constant": lambda subject: subject.model.constants,
    "struct": lambda subject: subject.model.structs,
    "rule": lambda subject: subject.facts.entry_rules,
}


def find_anchors(page: Page) -> list[str]:
    return [first or second for first, second in ANCHOR.findall(page.markdown)]


@pytest.mark.parametrize("kind", DECLARED)
def test_every_declaration_has_its_anchor(kind: str, subject: Subject, pages: dict[str, Page]) -> None:
    present = set(find_anchors(pages[PAGES[kind]]))
    assert [name for name in DECLARED[kind](subject) if anchor(kind, name) not in present] == []


def test_anchors_are_unique_on_their_page(pages: dict[str, Page]) -> None:
    for page in pages.values():
        anchors = find_anchors(page)
        assert len(anchors) == len(set(anchors)), page.name


def test_every_section_of_the_manual_is_shown(subject: Subject, pages: dict[str, Page]) -> None:
    assert set(subject.facts.sections) <= {one.removeprefix("s") for one in find_anchors(pages["manual"])}


def test_the_exit_coverage_has_every_number(subject: Subject, pages: dict[str, Page]) -> None:
    for coverage in subject.coverages:
        counted = [f"{coverage.count(status)} {status}" for status in STATUSES if coverage.count(status)]
        assert f"{len(coverage.rows)} numbers: {', '.join(counted)}." in pages["coverage"].markdown
        assert set(find_anchors(pages["coverage"])) >= {f"{coverage.domain}-{row.number}" for row in coverage.rows}


def test_every_handler_is_shown_with_its_c(subject: Subject, pages: dict[str, Page]) -> None:
    for domain in subject.domains:
        sections = pages[f"{domain.name}-handlers"].markdown.split("\n### ")
        for event in domain.handlers:
            section = next(one for one in sections if one.startswith(f"`on {event}`"))
            assert 'class="picture flow"' in section
            assert "language-luv" in section
            assert "language-c" in section


def test_every_page_has_its_own_name(subject: Subject) -> None:
    names = [page.name for page in make_pages(subject)]
    assert len(names) == len(set(names))


def test_every_line_of_the_spec_is_shown(subject: Subject, pages: dict[str, Page]) -> None:
    for source in subject.sources:
        name = "source-" + source.path.removeprefix("spec/").removesuffix(".luv").replace("/", "-")
        assert find_anchors(pages[name]) == [f"L{number + 1}" for number in range(source.text.rstrip().count("\n") + 1)]


def test_pages_do_not_name_the_build_folder(pages: dict[str, Page]) -> None:
    assert [page.name for page in pages.values() if str(ROOT) in page.markdown] == []


def test_navigation_holds_every_page_once(pages: dict[str, Page]) -> None:
    def list_files(tree: object) -> list[str]:
        if isinstance(tree, list):
            return [file for one in tree for file in list_files(one)]
        if isinstance(tree, dict):
            return [file for one in tree.values() for file in list_files(one)]
        return [str(tree)]

    assert sorted(list_files(make_navigation(list(pages.values())))) == sorted(f"{name}.md" for name in pages)


def test_a_book_without_records_and_documents(subject: Subject) -> None:
    bare = replace(subject, documents={}, records=type(subject.records)())
    names = {page.name for page in make_pages(bare)}
    assert "index" in names
    assert "architecture" not in names


@pytest.mark.parametrize("case", find_cases("accept"))
def test_any_accepted_spec_has_a_book(case: str) -> None:
    source = load_file(TESTS / "compiler" / "accept" / f"{case}.luv", f"tests/compiler/accept/{case}.luv")
    model = compile_small(source)
    generated = {one.name: one.text for one in generate(model)}
    coverages = tuple(make_coverage(model, domain) for domain in model.domains.values())
    names = {page.name for page in make_pages(Subject(model, (load_facts()[0], source), generated, coverages))}
    assert names >= {"index", "exits", *(f"{domain}-handlers" for domain in model.domains)}
