"""`build.py format`: bring spec files and handwritten C into the one layout, or say which are not in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codegen.compiler import parse_all
from codegen.done import Done
from codegen.format.c_files import SUFFIXES, find_unformatted_c, format_c, list_c_files
from codegen.format.layout import format_text
from codegen.source import SourceFile, load_file


def run_format(root: Path, files: Sequence[Path] = (), check: bool = False) -> Done:
    """Status 1 where `check` finds one, 2 where a file is none. Where a spec does not parse nothing is written."""
    paths = list(files) or [*sorted((root / "spec").rglob("*.luv")), *list_c_files(root)]
    missing = [str(path) for path in paths if path.suffix not in (".luv", *SUFFIXES) or not path.is_file()]
    if missing:
        return Done(2, "", f"build.py: format takes .luv, .c and .h files, and `{missing[0]}` is none")
    sources = {path: load_file(path, name_file(path, root)) for path in paths if path.suffix == ".luv"}
    changed = find_unformatted(list(sources.values()), root / "build" / "syntax")
    wrong = find_unformatted_c([path for path in paths if path.suffix in SUFFIXES], root)
    if check:
        places = [*changed, *(f"{name_file(path, root)}:{line}" for path, line in wrong.items())]
        lines = [f"error[format]: {place} is not in the one layout; run `build.py format`" for place in places]
        return Done(1 if lines else 0, "" if lines else "format: all in the one layout", "\n".join(lines))
    for path, source in sources.items():
        if source.path in changed:
            path.write_text(changed[source.path], encoding="utf-8")
    format_c(list(wrong), root)
    return Done(0, "\n".join([*changed, *(name_file(path, root) for path in wrong)]) or "format: nothing changed")


def find_unformatted(sources: list[SourceFile], cache: Path | None = None) -> dict[str, str]:
    """Return name -> text as it should be, for files that are not so; SpecError where one does not parse."""
    parse_all(sources, cache)
    texts = {one.path: format_text(one.text) for one in sources}
    return {one.path: texts[one.path] for one in sources if texts[one.path] != one.text}


def name_file(path: Path, root: Path) -> str:
    """Return a file as messages call it: from the root, if it is in there."""
    whole, root = path.resolve(), root.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(path)
