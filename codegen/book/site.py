"""From pages to a site: sources for MkDocs, its configuration, and its run."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codegen.book.links import find_faults
from codegen.book.page import Page
from codegen.book.pages import make_navigation
from codegen.emit.files import Output, publish

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
    """MkDocs objected; the text is what it said."""


def make_configuration(pages: list[Page], source: Path, site: Path) -> dict[str, object]:
    """MkDocs's settings: nothing in them reaches for the network."""
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
        "hooks": [str(HERE / "hooks.py")],
        "plugins": [{"search": {"separator": r"[\s\-,:;()\[\]{}]+|\.(?!\d)"}}, "offline"],
        "markdown_extensions": EXTENSIONS,
        "nav": make_navigation(pages),
        "validation": {"links": {"anchors": "warn", "not_found": "warn"}},
    }


def write_sources(pages: list[Page], folder: Path) -> list[str]:
    """Write what changed of the pages and what they look like."""
    assets = [Output(path.name, path.read_text(encoding="utf-8")) for path in sorted(ASSETS.iterdir())]
    return publish([*(Output(f"{page.name}.md", page.markdown) for page in pages), *assets], folder)


def check_place(site: Path) -> None:
    """Object to a place that holds anything but a book: it would be replaced as a whole."""
    if site.is_dir() and ((site / STYLE).exists() or not any(site.iterdir())):
        return
    if site.exists():
        raise SiteError(f"error[book]: {site} is there and is no book; give a new or an empty folder")


def build_site(pages: list[Page], work: Path, site: Path) -> None:
    """Make the site in the folder `work`, and put it in its place as a whole when it is done and its links hold."""
    check_place(site)
    with hold(work):
        write_sources(pages, work / "src")
        configuration, fresh = work / "mkdocs.yml", work / "fresh"
        text = json.dumps(make_configuration(pages, work / "src", fresh), indent=1)
        configuration.write_text(text, encoding="utf-8")
        run_mkdocs(configuration)
        if faults := find_faults(fresh):
            raise SiteError("\n".join(["error[book]: links that do not hold:", *faults]))
        shutil.rmtree(site, ignore_errors=True)
        site.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh, site)


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Have a folder to oneself: two runs at once come one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_mkdocs(configuration: Path) -> None:
    """MkDocs in a process of its own; JSON is YAML too."""
    mkdocs = [sys.executable, "-m", "mkdocs", "build"]
    command: list[str | Path] = [*mkdocs, "--clean", "--quiet", "--config-file", configuration]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SiteError(f"cannot start MkDocs: {error}") from None
    if done.returncode:
        raise SiteError(f"error[book]: MkDocs objects:\n{(done.stderr + done.stdout).strip()}")
