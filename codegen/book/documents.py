"""Handwritten pages: the README and docs/, their links turned to where things stand in the book."""

from __future__ import annotations

import posixpath
import re

from codegen.book.markup import tag
from codegen.book.page import Page
from codegen.book.refs import page_of_source
from codegen.book.subject import Subject

IMAGE = re.compile(r"!\[([^\]\n]*)\]\(([^)\s]+\.svg)\)")
LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
WORDS = re.compile(r"^```(\w+) \w+$", re.MULTILINE)  # `luv body`: the second word is for the tests of the examples
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
FIRST = ("glossary", "architecture", "domus", "language", "adding-an-exit", "errors", "audit")


def make_documents(subject: Subject, book: set[str]) -> list[Page]:
    """A page for each file of docs/, in reading order; `book` names the pages made from the model."""
    paths = [path for path in subject.documents if path.startswith("docs/") and path.endswith(".md")]
    names = sorted((name_of(path) for path in paths), key=lambda name: (*FIRST, name).index(name))
    return [make_document(f"docs/{name}.md", subject, book) for name in names]


def name_of(path: str) -> str:
    return posixpath.basename(path).removesuffix(".md")


def make_document(path: str, subject: Subject, book: set[str]) -> Page:
    title, body = split_title(subject.documents[path], name_of(path))
    return Page(name_of(path), title, "Guide", (turn_links(put_images(body, path, subject), path, subject, book),))


def put_images(words: str, path: str, subject: Subject) -> str:
    """Put drawings into the page itself, in the place of the links to them."""
    folder = posixpath.dirname(path)

    def put(found: re.Match[str]) -> str:
        drawing = subject.documents.get(posixpath.join(folder, found[2]), "")
        return tag("figure", drawing, class_="wide") if drawing else found[1]

    return IMAGE.sub(put, words)


def split_title(words: str, otherwise: str) -> tuple[str, str]:
    """A document's first heading, and the rest."""
    first, _, rest = words.lstrip().partition("\n")
    return (first[2:].strip(), rest.strip()) if first.startswith("# ") else (otherwise, words.strip())


def turn_links(words: str, path: str, subject: Subject, book: set[str]) -> str:
    """Every link outside of code blocks, turned; code blocks by the name of their language alone."""
    parts = [turn_part(part, path, subject, book) for part in FENCE.split(words)]
    return "".join(parts)


def turn_part(part: str, path: str, subject: Subject, book: set[str]) -> str:
    """A code block, or what stands between two of them."""
    if part.startswith("```"):
        return WORDS.sub(r"```\1", part)
    return LINK.sub(lambda found: turn_link(found[1], found[2], path, subject, book), part)


def turn_link(label: str, target: str, path: str, subject: Subject, book: set[str]) -> str:
    """To a page of the book; what has none stays as words."""
    file, mark, place = target.partition("#")
    if not file or "://" in target or target.startswith("mailto:"):
        return f"[{label}]({target})"
    name = find_page(posixpath.normpath(posixpath.join(posixpath.dirname(path), file)), file, subject, book)
    words = find_title(path, file, subject) if label == file else label
    return f"[{words}]({name}.md{mark}{place})" if name else label


def find_title(path: str, file: str, subject: Subject) -> str:
    """What to call a document that is linked by its file's name."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    return split_title(subject.documents.get(found, ""), file)[0]


def find_page(path: str, file: str, subject: Subject, book: set[str]) -> str:
    """The page that shows a file of the repository, or a page by its own name; nothing where there is none."""
    if path == "README.md":
        return "index"
    if path in subject.documents:
        return name_of(path)
    if path in subject.paths:
        return page_of_source(path)
    bare = file.removesuffix(".html").removesuffix(".md")
    return bare if bare in book else ""
