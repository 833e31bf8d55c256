"""A headless Chromium without network access, and queries of pages for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--window-size=1400,1000",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
HIDDEN_PICTURES = """
return [...document.querySelectorAll('svg.picture, .md-content img, .md-header img')].filter(one => {
    const box = one.getBoundingClientRect();
    const folded = one.closest('details:not([open])');
    return !folded && (one.naturalWidth === 0 || !box.width || !box.height);
}).length;
"""
PICTURES = "return document.querySelectorAll('svg.picture').length;"
FETCHED = "return performance.getEntriesByType('resource').map(one => one.name);"
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;"
CUT = """
return [...document.querySelectorAll('.md-content .wide, .md-content .md-typeset__scrollwrap')].filter(one =>
    !one.closest('details:not([open])') && one.scrollWidth > one.clientWidth + 1
).map(one => `${one.scrollWidth} of ${one.clientWidth}: ${one.textContent.trim().slice(0, 40)}`);
"""
TOP = "return document.querySelector(arguments[0]).getBoundingClientRect().top;"
SEARCH = ".md-search__input"
RESULTS = ".md-search-result__link"


class Browser:
    """A browser that shows one page at a time."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, page: str) -> None:
        """Go to a page, and wait until it has loaded."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}/{page}")
        self.wait(lambda: self.ask("return document.readyState;") == "complete")

    def ask(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, holds: Any, seconds: float = 20) -> Any:
        return WebDriverWait(self.driver, seconds).until(lambda _: holds())

    def complaints(self) -> list[str]:
        """Return the console's messages since the last call."""
        return [f"{one['level']}: {one['message']}" for one in self.driver.get_log("browser")]

    def search(self, words: str) -> list[str]:
        """Type words into the search field; return the targets that it offers."""
        field = self.driver.find_element(By.CSS_SELECTOR, SEARCH)
        field.click()
        field.send_keys(words)
        links = self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, RESULTS))
        return [str(one.get_attribute("href")) for one in links]


@contextmanager
def open_browser(address: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield Browser(driver, address)
    finally:
        driver.quit()
