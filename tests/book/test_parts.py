"""Parts of the book: links of documents, records, excerpts, sections, and the check for broken links."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.book.markup import Page
from codegen.book.memory import find_slices
from codegen.book.pages import make_documents, turn_links
from codegen.book.refs import excerpt, find_sections
from codegen.book.site import SiteError, check_place, find_faults, open_server
from codegen.book.subject import BadRecord, MapRange, Records, Subject, read_records

BOOK = {"exits", "source-dom0"}


def turn(words: str, subject: Subject, path: str = "README.md") -> str:
    return turn_links(words, path, replace(subject, documents={"docs/language.md": "# L"}), BOOK)


def test_links_of_documents_lead_into_the_book(subject: Subject) -> None:
    assert turn("[a](docs/language.md#b)", subject) == "[a](language.md#b)"
    assert turn("[a](language.md)", subject, "docs/errors.md") == "[a](language.md)"
    assert turn("[language.md](language.md)", subject, "docs/errors.md") == "[L](language.md)"
    assert turn("[a](../README.md)", subject, "docs/errors.md") == "[a](index.md)"
    assert turn("[a](../spec/dom0.luv)", subject, "docs/errors.md") == "[a](source-dom0.md)"
    assert turn("[a](exits.html#ept_violation)", subject, "docs/errors.md") == "[a](exits.md#ept_violation)"


def test_links_that_lead_out_of_the_book(subject: Subject) -> None:
    assert turn("[a](https://x.org/)", subject) == "[a](https://x.org/)"
    assert turn("[a](#b)", subject) == "[a](#b)"
    assert turn("[a](LICENSE)", subject) == "a"


def test_links_in_code_are_not_changed(subject: Subject) -> None:
    text = "```c\nrun[a](LICENSE);\n```"
    assert turn(text, subject) == text
    assert turn("```luv body\nadvance;\n```", subject) == "```luv\nadvance;\n```"


def test_documents_come_in_reading_order(subject: Subject) -> None:
    some = replace(subject, documents={f"docs/{name}.md": "# T" for name in ("zebra", "errors", "architecture")})
    assert [page.name for page in make_documents(some, BOOK)] == ["architecture", "errors", "zebra"]


def test_a_document_does_not_replace_a_page_of_its_name(subject: Subject) -> None:
    words = {"exits": "# T", "errors": "# E\n[a](exits.md#b)", "index": "# I"}
    some = replace(subject, documents={f"docs/{name}.md": text for name, text in words.items()})
    errors, exits, index = make_documents(some, BOOK)
    assert index.name == "guide-index"
    assert exits.name == "guide-exits"
    assert "[a](guide-exits.md#b)" in errors.markdown


def test_records_are_put_together() -> None:
    cost = {"event": "cpuid", "what": "CPUID", "ends": "advance", "ticks": 74}
    part = {"spec": "", "costs": [], "figures": [], "exits": {}, "memory": []}
    first, second = part | {"command": "one", "costs": [cost]}, part | {"command": "two"}
    records = read_records({"a.json": json.dumps(first), "b.json": json.dumps(second)})
    assert records.commands == ("one", "two")
    assert [one.ticks for one in records.costs_of("cpuid")] == [74]


@pytest.mark.parametrize("text", ["{", "[]", '{"costs": []}', '{"command": "x", "costs": [{"ticks": 1}]}'])
def test_a_bad_record_is_rejected_by_name(text: str) -> None:
    with pytest.raises(BadRecord, match=r"^record `run.json`: "):
        read_records({"run.json": text})


def test_an_excerpt_is_the_declaration_with_its_comment(subject: Subject) -> None:
    text = excerpt(subject, subject.domains[0].handlers["cpuid"].span)
    assert text.count("<pre>") == 1
    assert "///" in text
    assert text.rstrip().endswith("}</span>\n</code></pre></div>")


def test_an_exit_cites_at_least_what_its_table_cites(subject: Subject) -> None:
    for exit in subject.facts.exits.values():
        assert find_sections(exit.doc, exit.span, subject), exit.name


def make_site(folder: Path, **pages: str) -> Path:
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text)
    return folder


def test_links_without_error(tmp_path: Path) -> None:
    site = make_site(tmp_path, index='<p id="a"><a href="other.html#b">x</a><a href="#a">y</a>', other="<p id=b>")
    (site / "book.css").write_text("p { color: red }")
    assert find_faults(site) == []


def test_broken_links(tmp_path: Path) -> None:
    site = make_site(
        tmp_path,
        index='<a href="gone.html">x</a><a href="#gone">y</a><script src="https://x.org/y.js"></script>'
        '<link href="book.css"><a href="https://x.org/">fine</a>',
    )
    (site / "book.css").write_text("@import 'https://x.org/font.css'")
    assert find_faults(site) == [
        "index.html: `#gone` leads to no anchor",
        "index.html: `gone.html` leads to no file",
        "index.html: `https://x.org/y.js` is fetched from outside",
        "book.css: fetches from outside",
    ]


def test_another_port_if_one_is_in_use(tmp_path: Path) -> None:
    with open_server(tmp_path, 0) as first, open_server(tmp_path, first.server_port) as second:
        assert first.server_port != second.server_port
        assert first.server_address[0] == second.server_address[0] == "127.0.0.1"


def test_a_folder_that_is_no_book_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(SiteError, match="exists and is not a book"):
            check_place(place)
    check_place(tmp_path / "new")
    (tmp_path / "book.css").write_text("")
    check_place(tmp_path)


def test_hidden_memory_is_named() -> None:
    bare = (MapRange(0, 0x9EFFF, "usable"), MapRange(0x100000, 0x3FFFFF, "usable"))
    now = (
        MapRange(0, 0x9DFFF, "usable"), MapRange(0x9E000, 0x9EFFF, "reserved"),
        MapRange(0x100000, 0x1FFFFF, "usable"), MapRange(0x200000, 0x3FFFFF, "reserved"),
    )  # fmt: skip
    slices = find_slices(Records(memory=now, bare_memory=bare, hidden=MapRange(0x200000, 0x3FFFFF, "hidden")))
    assert [(one.first, one.last + 1, one.words) for one in slices] == [
        (0, 0x9E000, ""), (0x9E000, 0x9F000, "low page"), (0x9F000, 0x100000, ""), (0x100000, 0x200000, ""),
        (0x200000, 0x400000, "hypervisor"),
    ]  # fmt: skip


def test_a_payload_is_named_by_its_exit(subject: Subject, pages: dict[str, Page]) -> None:
    section = next(one for one in pages["exits"].markdown.split("\n## ") if one.startswith("48 "))
    assert "qualification.nmi_unblocking_due_to_iret" not in section
    assert "qualification.linear_valid" in section
    assert "exit_qualification[" not in pages["exits"].markdown
