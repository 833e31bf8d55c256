"""The book's site in a browser: pages load, search works, layout fits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codegen.book.markup import Page
from codegen.book.site import build_site, open_server

if TYPE_CHECKING:
    from tests.book.browser import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SECONDS = 20  # seconds of processor time to make the whole book


@pytest.fixture(scope="module")
def site(pages: dict[str, Page], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    build_site(list(pages.values()), folder / "work", folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    from tests.book.browser import open_browser

    with open_server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with open_browser(f"http://127.0.0.1:{server.server_port}", tmp_path_factory.mktemp("profile")) as found:
            yield found
        server.shutdown()


def test_the_book_is_made_in_time(pages: dict[str, Page], tmp_path: Path) -> None:
    before = os.times()
    build_site(list(pages.values()), tmp_path / "work", tmp_path / "site")
    after = os.times()
    assert sum(after[:4]) - sum(before[:4]) < SECONDS


def test_every_page_loads_with_its_pictures_without_errors(browser: Browser, pages: dict[str, Page]) -> None:
    from tests.book.browser import FETCHED, HIDDEN_PICTURES, PICTURES

    for name, page in pages.items():
        browser.open(f"{name}.html")
        assert browser.complaints() == [], name
        assert browser.ask(HIDDEN_PICTURES) == 0, name
        assert browser.ask(PICTURES) == page.markdown.count('class="picture'), name
        assert [one for one in browser.ask(FETCHED) if not one.startswith(browser.address)] == [], name


def test_an_anchor_leads_to_its_place(browser: Browser) -> None:
    from tests.book.browser import TOP

    for page, anchor in (("exits", "ept_violation"), ("msrs", "IA32_VMX_BASIC"), ("source-dom0", "L100")):
        browser.open(f"{page}.html#{anchor}")
        browser.wait(lambda anchor=anchor: 0 <= browser.ask(TOP, f"#{anchor}") < 400)


def test_search_finds_an_msr(browser: Browser) -> None:
    browser.open("index.html")
    assert f"{browser.address}/msrs.html?h=ia32_vmx_basic#IA32_VMX_BASIC" in browser.search("IA32_VMX_BASIC")
    assert browser.complaints() == []


def test_search_works_without_a_server(site: Path, browser: Browser) -> None:
    from tests.book.browser import Browser

    files = Browser(browser.driver, site.as_uri())
    files.open("index.html")
    assert any(one.endswith("msrs.html?h=ia32_vmx_basic#IA32_VMX_BASIC") for one in files.search("IA32_VMX_BASIC"))
    assert files.complaints() == []


@pytest.mark.parametrize("words", ["ept_violation", "unrestricted_guest", "guest_ia32_efer", "exit_count"])
def test_search_finds(words: str, browser: Browser) -> None:
    browser.open("index.html")
    assert any(f"#{words}" in one or f".{words}" in one for one in browser.search(words))


def test_no_table_is_cut(browser: Browser, pages: dict[str, Page]) -> None:
    """On a wide page each table fits; on a narrow one it scrolls by itself."""
    from tests.book.browser import CUT

    cut = {}
    for name in pages:
        browser.open(f"{name}.html")
        cut[name] = browser.ask(CUT)
    assert {name: tables for name, tables in cut.items() if tables} == {}


def test_a_narrow_page_does_not_overflow(browser: Browser, pages: dict[str, Page]) -> None:
    from tests.book.browser import OVERFLOW

    browser.driver.set_window_size(500, 900)
    try:
        for name in pages:
            browser.open(f"{name}.html")
            assert browser.ask(OVERFLOW) <= 0, name
    finally:
        browser.driver.set_window_size(1400, 1000)
