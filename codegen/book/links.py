"""Holds a site's links: every page, anchor and file that one leads to is there, and nothing is fetched from outside."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import unquote

ELEMENT = re.compile(r"<(a|link|script|img|iframe|use|form)\b[^>]*?\s(href|src)=(\"[^\"]*\"|'[^']*'|[^\s>]+)")
ANCHOR = re.compile(r"\sid=(\"[^\"]*\"|'[^']*'|[^\s>]+)")
STYLE = re.compile(r"url\(\s*[\"']?(https?:)?//|@import\s+[\"']?(https?:)?//")
OUTSIDE = re.compile(r"^(https?:)?//")
FREE = ("mailto:", "data:", "javascript:")


@dataclass(frozen=True)
class Link:
    """Where it stands, the element that has it, and where it leads."""

    page: str
    element: str
    target: str


def find_faults(site: Path) -> list[str]:
    """A sentence for each link that leads nowhere, or that would fetch something from the network."""
    pages = {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    anchors = {name: set(list_values(ANCHOR, text)) for name, text in pages.items()}
    links = [link for name, text in pages.items() for link in list_links(name, text)]
    faults = [fault for link in links if (fault := check_link(link, anchors, site))]
    return sorted(set(faults)) + [
        f"{path.relative_to(site)}: fetches from outside" for path in sorted(site.rglob("*.css"))
        if STYLE.search(path.read_text(encoding="utf-8"))
    ]  # fmt: skip


def list_values(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Attributes' values, quoted or not."""
    return (unescape(found[1].strip("\"'")) for found in pattern.finditer(text))


def list_links(page: str, text: str) -> Iterator[Link]:
    for found in ELEMENT.finditer(text):
        yield Link(page, found[1], unescape(found[3].strip("\"'")))


def check_link(link: Link, anchors: dict[str, set[str]], site: Path) -> str:
    """What is wrong with a link, or nothing."""
    if OUTSIDE.match(link.target):
        fetched = link.element not in ("a", "form")
        return f"{link.page}: `{link.target}` is fetched from outside" if fetched else ""
    file, _, place = link.target.partition("#")
    if link.target.startswith(FREE):
        return ""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(link.page), unquote(file))) if file else link.page
    name = name.lstrip("/.") or "index.html"
    if name not in anchors:
        return "" if (site / name).is_file() else f"{link.page}: `{link.target}` leads to no file"
    if place and unquote(place) not in anchors[name] and not place.startswith("__"):
        return f"{link.page}: `{link.target}` leads to no anchor"
    return ""
