"""A page of the book, and HTML in small pieces. Text is escaped where it comes in; functions return HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Page:
    """`name`: its file without suffix; `part`: where it stands in the book, `part/part` for a part of a part.

    `parts` are its blocks, `lead` its first sentence; `found`: whether search looks at it.
    """

    name: str
    title: str
    part: str
    parts: tuple[str, ...]
    icon: str = ""
    found: bool = True
    lead: str = ""

    @property
    def markdown(self) -> str:
        """Return front matter, the title and the blocks, separated by empty lines."""
        head = [f"title: {json.dumps(self.title, ensure_ascii=False)}"]
        head += [f"icon: {self.icon}"] if self.icon else []
        head += [] if self.found else ["search:", "  exclude: true"]
        body = [f"# {self.title}", *([f'<p class="lead">{self.lead}</p>'] if self.lead else []), *self.parts]
        return "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(one for one in body if one) + "\n"


CODE = re.compile(r"`([^`]+)`")


def tag(name: str, content: str = "", **attributes: str | int | float | None) -> str:
    """Return an element; `class_` is `class`, and an attribute that is None is omitted."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    text = "".join(f' {key}="{escape(str(value))}"' for key, value in given.items())
    return f"<{name}{text}>{content}</{name}>"


def text(words: str) -> str:
    """Return plain words, with code for what is in backticks."""
    return CODE.sub(r"<code>\1</code>", escape(words, quote=False))


def code(words: str) -> str:
    return tag("code", escape(words, quote=False))


def breakable(html: str) -> str:
    """Return code that a narrow column of a table may wrap at underscores and periods."""
    return html.replace("_", "_<wbr>").replace(".", ".<wbr>")


def link(target: str, label: str, title: str | None = None) -> str:
    return tag("a", label, href=target, title=title)


def badge(words: str, kind: str, title: str | None = None) -> str:
    """Return a word on a colored ground; kinds are in book.css."""
    return tag("span", escape(words, quote=False), class_=f"badge {kind}", title=title)


def heading(level: int, words: str, anchor: str) -> str:
    """Return a heading in HTML, which search finds and `#anchor` links to."""
    return tag(f"h{level}", words, id=anchor)


def paragraph(words: str) -> str:
    return tag("p", words) if words else ""


def items(lines: Iterable[str]) -> str:
    return tag("ul", "".join(tag("li", line) for line in lines))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Return a table of HTML cells; it scrolls by itself if it is too wide."""
    top = tag("tr", "".join(tag("th", cell) for cell in head))
    body = "\n".join(tag("tr", "".join(tag("td", cell) for cell in row)) for row in rows)
    inner = tag("table", f"<thead>{top}</thead>\n<tbody>\n{body}\n</tbody>", class_=f"facts {kind}".strip())
    return tag("div", inner, class_="wide")


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and their values, without those that have no value."""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return tag("dl", rows, class_="sheet")


def block(content: str, kind: str) -> str:
    return tag("div", content, class_=kind)


def details(summary: str, content: str, anchor: str | None = None) -> str:
    return tag("details", tag("summary", summary) + content, id=anchor)


def hexadecimal(number: int, digits: int = 0) -> str:
    """Return a number as the spec writes it: 0x and capitals."""
    return f"0x{number:0{digits}X}"


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Return what colors mean: a swatch of each kind with its words."""
    return block("".join(tag("span", tag("i", class_=kind) + words) for kind, words in entries), "legend")
