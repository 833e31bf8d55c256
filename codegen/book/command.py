"""`build.py docs`: read the spec, make the pages, make the site."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from codegen.book.pages import make_pages
from codegen.book.site import SiteError, build_site, serve
from codegen.book.subject import BadRecord, Subject, load_records
from codegen.diagnostics import Done
from codegen.emit import generate
from codegen.image.tree import Tree
from codegen.query.coverage import make_coverages
from codegen.query.reading import read_folder


def read_subject(tree: Tree) -> Subject:
    """Read all that the book describes; raise SpecError if the spec has errors."""
    reading = read_folder(tree.root / "spec", tree.syntax)
    if reading.error is not None:
        raise reading.error
    generated = {one.name: one.text for one in generate(reading.model)}
    return Subject(
        reading.model,
        reading.sources,
        generated,
        make_coverages(reading),
        load_documents(tree.root),
        load_records(tree.root / "docs" / "records"),
        reading.digest,
    )


def load_documents(root: Path) -> dict[str, str]:
    """Read the README, and the documents and drawings under docs/, by path; the book replaces docs/README.md."""
    docs = root / "docs"
    paths = [root / "README.md", *sorted({*docs.glob("*.md"), *docs.glob("*.svg")} - {docs / "README.md"})]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths if path.exists()}


def run_docs(tree: Tree, out: Path | None, say: Callable[[str], None] | None = None) -> Done:
    """Build the site; with `say`, serve it too."""
    start = time.monotonic()
    site = out.absolute() if out else tree.build / "book" / "site"
    try:
        pages = make_pages(read_subject(tree))
        build_site(pages, tree.build / "book", site)
    except (BadRecord, SiteError) as error:
        return Done(2, "", str(error))
    text = f"{site / 'index.html'}: {len(pages)} pages, {time.monotonic() - start:.1f} s"
    return serve_site(site, text, say) if say else Done(0, text)


def serve_site(site: Path, text: str, say: Callable[[str], None]) -> Done:
    """Serve until interrupted."""
    say(text)
    serve(site, say)
    return Done(0, "")
