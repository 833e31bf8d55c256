"""Make a site of pages: sources for MkDocs, its configuration and run, a check of every link, and a server."""

from __future__ import annotations

import fcntl
import json
import posixpath
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from codegen.book.markup import Page
from codegen.book.pages import make_navigation, make_pages
from codegen.book.subject import BadRecord, Subject, load_records
from codegen.diagnostics import Done
from codegen.emit import generate
from codegen.emit.files import Output, publish
from codegen.image.tree import Tree
from codegen.query.coverage import make_coverages
from codegen.query.reading import BadArgument, choose_processors, read_folder

HERE = Path(__file__).parent
STYLE = "book.css"
ASSETS = HERE / "assets"
FEATURES = [
    "navigation.tabs",
    "navigation.sections",
    "navigation.tabs.sticky",
    "navigation.top",
    "navigation.footer",
    "toc.follow",
    "search.highlight",
    "search.suggest",
    "content.code.copy",
]
PALETTE = [
    {
        "media": "(prefers-color-scheme: light)",
        "scheme": "default",
        "primary": "custom",
        "accent": "custom",
        "toggle": {"icon": "material/weather-night", "name": "Dark"},
    },
    {
        "media": "(prefers-color-scheme: dark)",
        "scheme": "slate",
        "primary": "custom",
        "accent": "custom",
        "toggle": {"icon": "material/weather-sunny", "name": "Light"},
    },
]
EXTENSIONS: list[object] = [
    "attr_list",
    "tables",
    "md_in_html",
    "admonition",
    "pymdownx.superfences",
    {"pymdownx.highlight": {"use_pygments": True}},
    {"toc": {"permalink": "#", "toc_depth": 3}},
]


class SiteError(Exception):
    """MkDocs failed or a link is broken; the text says what is wrong."""


def make_configuration(pages: list[Page], source: Path, site: Path) -> dict[str, object]:
    """Return MkDocs's settings; none of them accesses the network."""
    return {
        "site_name": "Luvalley",
        "docs_dir": str(source),
        "site_dir": str(site),
        "use_directory_urls": False,
        "strict": True,
        "theme": {
            "name": "material",
            "font": False,
            "language": "en",
            "logo": "luvalley.svg",
            "favicon": "luvalley.svg",
            "palette": PALETTE,
            "features": FEATURES,
        },
        "extra": {"generator": False, "polyfills": ["iframe-worker.js"]},
        "extra_css": [STYLE],
        "hooks": [str(HERE / "lexer.py")],
        "plugins": [{"search": {"separator": r"[\s\-,:;()\[\]{}]+|\.(?!\d)"}}, "offline"],
        "markdown_extensions": EXTENSIONS,
        "nav": make_navigation(pages),
        "validation": {"links": {"anchors": "warn", "not_found": "warn"}},
    }


def write_sources(pages: list[Page], folder: Path) -> list[str]:
    """Write the pages and assets that have changed."""
    assets = [Output(path.name, path.read_text(encoding="utf-8")) for path in sorted(ASSETS.iterdir())]
    return publish([*(Output(f"{page.name}.md", page.markdown) for page in pages), *assets], folder)


def check_place(site: Path) -> None:
    """Raise SiteError if a folder contains anything but a book: it would be replaced as a whole."""
    if site.is_dir() and ((site / STYLE).exists() or not any(site.iterdir())):
        return
    if site.exists():
        raise SiteError(f"error[book]: {site} exists and is not a book; name a new or an empty folder")


def build_site(pages: list[Page], work: Path, site: Path) -> None:
    """Make the site in the folder `work`; move it to its place as a whole once it is complete and its links hold."""
    check_place(site)
    with hold(work):
        write_sources(pages, work / "src")
        configuration, fresh = work / "mkdocs.yml", work / "fresh"
        text = json.dumps(make_configuration(pages, work / "src", fresh), indent=1)
        configuration.write_text(text, encoding="utf-8")
        run_mkdocs(configuration)
        if faults := find_faults(fresh):
            raise SiteError("\n".join(["error[book]: broken links:", *faults]))
        shutil.rmtree(site, ignore_errors=True)
        site.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh, site)


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock a folder, so that two runs at once come one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_mkdocs(configuration: Path) -> None:
    """Run MkDocs in a separate process; JSON is YAML too."""
    mkdocs = [sys.executable, "-m", "mkdocs", "build"]
    command: list[str | Path] = [*mkdocs, "--clean", "--quiet", "--config-file", configuration]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SiteError(f"cannot start MkDocs: {error}") from None
    if done.returncode:
        raise SiteError(f"error[book]: MkDocs failed:\n{(done.stderr + done.stdout).strip()}")


# ---- links: every page, anchor and file that one leads to exists, and nothing is fetched from outside


ELEMENT = re.compile(r"<(a|link|script|img|iframe|use|form)\b[^>]*?\s(href|src)=(\"[^\"]*\"|'[^']*'|[^\s>]+)")
ANCHOR = re.compile(r"\sid=(\"[^\"]*\"|'[^']*'|[^\s>]+)")
FETCHED_STYLE = re.compile(r"url\(\s*[\"']?(https?:)?//|@import\s+[\"']?(https?:)?//")
OUTSIDE = re.compile(r"^(https?:)?//")
FREE = ("mailto:", "data:", "javascript:")


@dataclass(frozen=True)
class Link:
    """The page and element of a link, and its target."""

    page: str
    element: str
    target: str


def find_faults(site: Path) -> list[str]:
    """Return a sentence for each broken link, and for each that would fetch from the network."""
    pages = {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    anchors = {name: set(list_values(ANCHOR, text)) for name, text in pages.items()}
    links = [link for name, text in pages.items() for link in list_links(name, text)]
    faults = [fault for link in links if (fault := check_link(link, anchors, site))]
    return sorted(set(faults)) + [
        f"{path.relative_to(site)}: fetches from outside" for path in sorted(site.rglob("*.css"))
        if FETCHED_STYLE.search(path.read_text(encoding="utf-8"))
    ]  # fmt: skip


def list_values(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Return attributes' values, quoted or not."""
    return (unescape(found[1].strip("\"'")) for found in pattern.finditer(text))


def list_links(page: str, text: str) -> Iterator[Link]:
    for found in ELEMENT.finditer(text):
        yield Link(page, found[1], unescape(found[3].strip("\"'")))


def check_link(link: Link, anchors: dict[str, set[str]], site: Path) -> str:
    """Return what is wrong with a link, or nothing."""
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


# ---- the site over HTTP, on this machine only


ADDRESS = "127.0.0.1"
PORT = 8000


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def open_server(site: Path, port: int = PORT) -> ThreadingHTTPServer:
    """Return a server for a site, on another port if this one is taken."""
    handler = partial(Quiet, directory=str(site))
    try:
        return ThreadingHTTPServer((ADDRESS, port), handler)
    except OSError:
        return ThreadingHTTPServer((ADDRESS, 0), handler)


def serve(site: Path, say: Callable[[str], None]) -> None:
    """Serve until interrupted."""
    with open_server(site) as server:
        say(f"http://{ADDRESS}:{server.server_port}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")


# ---- the command


def read_subject(tree: Tree, processor: str = "") -> Subject:
    """Read all that the book describes, for the first processor where none is named; SpecError on errors."""
    reading = choose_processors(read_folder(tree.root / "spec", tree.syntax), processor)[0]
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


def run_docs(tree: Tree, out: Path | None, say: Callable[[str], None] | None = None, processor: str = "") -> Done:
    """Build the site; with `say`, serve it too."""
    start = time.monotonic()
    site = out.absolute() if out else tree.build / "book" / "site"
    try:
        pages = make_pages(read_subject(tree, processor))
        build_site(pages, tree.build / "book", site)
    except (BadArgument, BadRecord, SiteError) as error:
        return Done(2, "", str(error))
    text = f"{site / 'index.html'}: {len(pages)} pages, {time.monotonic() - start:.1f} s"
    return serve_site(site, text, say) if say else Done(0, text)


def serve_site(site: Path, text: str, say: Callable[[str], None]) -> Done:
    """Serve until interrupted."""
    say(text)
    serve(site, say)
    return Done(0, "")
