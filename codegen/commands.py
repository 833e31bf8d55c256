"""What the commands do, once the whole compiler is needed. cli.py prints what they return."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from codegen.compiler import compile_tree
from codegen.diagnostics import Done, SpecError
from codegen.editor.highlight import find_changed_files, write_files
from codegen.emit.abi import write_options
from codegen.emit.files import Output, find_stale, publish
from codegen.faults import check_domains, explain_tools
from codegen.image.toolchain import ToolError, build_image
from codegen.image.tree import Tree, list_inputs, write_stamp
from codegen.image.verify import verify_image
from codegen.language.format import format_text
from codegen.model.choices import Model
from codegen.parse_cache import parse_all
from codegen.source import SourceFile, load_file, load_files


def run_gen(tree: Tree) -> Done:
    """Compile spec/ into generated/, and fill the tables of documents."""
    return Done(0, f"generated/: {say_changed(write_outputs(tree)[2])}")


def write_outputs(tree: Tree) -> tuple[Model, list[Output], list[str]]:
    """Compile spec/ and write what comes of it; return the model, the generated files, and the names that changed."""
    models, outputs = compile_tree(tree.root / "spec", tree.syntax)
    model = choose_first(models)
    changed = [*publish(outputs, tree.generated), *fill_documents(model, tree.root), *write_files(tree.root)]
    return model, outputs, changed


def choose_first(models: Mapping[str, Model]) -> Model:
    """Return the model of the first processor, for what is the same for all, and for the image."""
    return next(iter(models.values()))


def say_changed(names: list[str]) -> str:
    """Return the file names that changed, or that none did."""
    return f"{', '.join(names)} changed" if names else "nothing changed"


def run_build(tree: Tree) -> Done:
    """Compile the spec, compile and link the image, and hold it against the model."""
    start, before = time.monotonic(), list_inputs(tree)
    model, outputs, changed = write_outputs(tree)
    if unnamed := check_domains(model, (one.name for one in outputs), tree.root / "runtime"):
        raise SpecError(unnamed, read_sources(tree))
    try:
        made = build_image(tree)
    except ToolError as error:
        if found := explain_tools(str(error), model):
            raise SpecError(found, read_sources(tree)) from None
        raise
    report = verify_image(tree, model)
    if report.faults:
        return Done(2, "", "\n".join(f"error[image]: {fault}" for fault in report.faults))
    write_stamp(tree, before)
    image = tree.image.relative_to(tree.root)
    first = f"generated/: {say_changed(changed)}; {len(made)} files compiled"
    return Done(0, f"{first}\n{image}: {report.size} bytes to load, {time.monotonic() - start:.1f} s")


def read_sources(tree: Tree) -> dict[str, SourceFile]:
    """Return the files of the spec by path, for messages that show them."""
    return {one.path: one for one in load_files(tree.root / "spec", "spec")}


def run_check(tree: Tree) -> Done:
    """Say whether generated/ and the tables of documents are what spec/ says."""
    models, outputs = compile_tree(tree.root / "spec", tree.syntax)
    model = choose_first(models)
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


# ---- tables of handwritten documents that come from the spec


DOCUMENT = "docs/command-line.md"
BEGIN, END = "<!-- options -->", "<!-- /options -->"


def fill_documents(model: Model, root: Path) -> list[str]:
    """Write the tables into the documents; return the names of those that changed."""
    texts = find_changed(model, root)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return list(texts)


def find_changed(model: Model, root: Path) -> dict[str, str]:
    """Return the documents whose tables are not the spec's, with the text that they should have."""
    path = root / DOCUMENT
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if BEGIN not in text or END not in text:
        return {}
    before, _, rest = text.partition(BEGIN)
    wanted = f"{before}{BEGIN}\n{write_options(model.abi)}\n{END}{rest.partition(END)[2]}"
    return {} if wanted == text else {DOCUMENT: wanted}


# ---- the one layout of handwritten C


FOLDERS = ("runtime", "dom0", "tests", "machine", "bench")
EXPECTATIONS = "tests/compiler/golden"  # what the compiler wrote, as it wrote it
SUFFIXES = (".c", ".h")
CLANG_FORMAT = Path(sys.executable).with_name("clang-format")
VIOLATION = re.compile(r"^(.+?):(\d+):\d+: error: code should be clang-formatted", re.MULTILINE)


def list_c_files(root: Path) -> list[Path]:
    """Return every handwritten C file of a tree."""
    paths = sorted(path for name in FOLDERS for path in (root / name).rglob("*.[ch]"))
    return [path for path in paths if not path.is_relative_to(root / EXPECTATIONS)]


def find_unformatted_c(paths: Sequence[Path], root: Path) -> dict[Path, int]:
    """Return the files that are not in the layout, each with the first line that is not."""
    if not paths:
        return {}  # without a file clang-format reads its standard input
    lines: dict[Path, int] = {}
    for path, line in VIOLATION.findall(run_clang_format(["--dry-run", "-Werror", *map(str, paths)], root)):
        lines.setdefault(Path(path), int(line))
    return lines


def format_c(paths: Sequence[Path], root: Path) -> None:
    """Bring files into the layout."""
    if paths:
        run_clang_format(["-i", *map(str, paths)], root)


def run_clang_format(arguments: list[str], root: Path) -> str:
    """Run clang-format; return what it says, which is nothing where all files are in the layout."""
    style = f"--style=file:{root / '.clang-format'}"
    done = subprocess.run([CLANG_FORMAT, style, *arguments], capture_output=True, text=True, check=False)
    if done.returncode and not VIOLATION.search(done.stderr):
        raise OSError(f"clang-format failed:\n{done.stderr}")
    return done.stderr
