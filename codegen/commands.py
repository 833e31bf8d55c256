"""What the commands do, once the whole compiler is needed. cli.py prints what they return."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from codegen.compiler import compile_tree
from codegen.diagnostics import Done, place
from codegen.editor.highlight import find_changed_files, write_files
from codegen.emit.documents import fill_documents, find_changed
from codegen.emit.files import find_stale, publish
from codegen.image.toolchain import ToolError, build_image
from codegen.image.tree import Tree, list_inputs, write_stamp
from codegen.image.verify import verify_image
from codegen.language.format import format_text
from codegen.language.format_c import SUFFIXES, find_unformatted_c, format_c, list_c_files
from codegen.model.choices import Model
from codegen.parse_cache import parse_all
from codegen.source import SourceFile, load_file


def run_gen(tree: Tree) -> Done:
    """Compile spec/ into generated/, and fill the tables of documents."""
    model, outputs = compile_tree(tree.root / "spec", tree.syntax)
    changed = [*publish(outputs, tree.generated), *fill_documents(model, tree.root), *write_files(tree.root)]
    return Done(0, f"generated/: {say_changed(changed)}")


def say_changed(names: list[str]) -> str:
    """Return the file names that changed, or that none did."""
    return f"{', '.join(names)} changed" if names else "nothing changed"


def run_build(tree: Tree) -> Done:
    """Compile the spec, compile and link the image, and hold it against the model."""
    start, before = time.monotonic(), list_inputs(tree)
    model, outputs = compile_tree(tree.root / "spec", tree.syntax)
    changed = [*publish(outputs, tree.generated), *fill_documents(model, tree.root), *write_files(tree.root)]
    try:
        made = build_image(tree)
    except ToolError as error:
        if missing := find_missing(str(error), model):
            return Done(1, "", "\n".join(missing))
        raise
    report = verify_image(tree, model)
    if report.faults:
        return Done(2, "", "\n".join(f"error[image]: {fault}" for fault in report.faults))
    write_stamp(tree, before)
    image = tree.image.relative_to(tree.root)
    first = f"generated/: {say_changed(changed)}; {len(made)} files compiled"
    return Done(0, f"{first}\n{image}: {report.size} bytes to load, {time.monotonic() - start:.1f} s")


def find_missing(words: str, model: Model) -> list[str]:
    """Return messages about functions that the spec declares and `words` of the linker miss."""
    names = dict.fromkeys(re.findall(r"undefined reference to `(\w+)'", words))
    places = {name: place(model.externs[name].span) for name in names if name in model.externs}
    text = "error[image]: no function of runtime/ is"
    return [f"{where}{text} `{name}`, which is declared here" for name, where in places.items()]


def run_check(tree: Tree) -> Done:
    """Say whether generated/ and the tables of documents are what spec/ says."""
    model, outputs = compile_tree(tree.root / "spec", tree.syntax)
    stale = [*find_stale(outputs, tree.generated), *find_changed(model, tree.root), *find_changed_files(tree.root)]
    if stale:
        names = ", ".join(stale)
        return Done(1, "", f"error[stale]: generated/ is not what spec/ says: {names}; run `build.py gen`")
    return Done(0, "generated/: up to date")


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
