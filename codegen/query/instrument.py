"""Build the instrumented image: the spec, one more file that declares the counters, and bodies that count."""

from __future__ import annotations

import json
import time
from pathlib import Path

from codegen.compiler import compile_sources
from codegen.diagnostics import Done
from codegen.emit import generate
from codegen.emit.files import Output, header_comment, publish, render
from codegen.image.toolchain import build_image
from codegen.image.tree import InstrumentedTree, list_inputs, write_stamp
from codegen.image.verify import verify_image
from codegen.model.choices import Model
from codegen.query.branches import Branch, instrument
from codegen.source import load_file, load_files

EXTRA = Path(__file__).with_name("instrument.luv")


def compile_instrumented(tree: InstrumentedTree) -> tuple[Model, list[Output], tuple[Branch, ...]]:
    """Return the model that counts, what is generated from it, and the branches that it counts."""
    spec = tree.root / "spec"
    sources = [*load_files(spec, spec.name), load_file(EXTRA, f"codegen/query/{EXTRA.name}")]
    counting, branches = instrument(compile_sources(sources, tree.syntax))
    return counting, [*generate(counting, tree.root), make_counters(branches)], branches


def make_counters(branches: tuple[Branch, ...]) -> Output:
    """Return the counters in C."""
    first = header_comment("spec/", "How often each branch was taken: only the instrumented build has this.")
    return Output("branches.c", render("branches.c.j2", first=first, branches=branches))


def build_instrumented(tree: InstrumentedTree) -> Done:
    """Compile, link and verify the instrumented build; leave the ordinary one untouched."""
    start, before = time.monotonic(), list_inputs(tree)
    model, outputs, branches = compile_instrumented(tree)
    tree.build.mkdir(parents=True, exist_ok=True)
    publish(outputs, tree.generated)
    build_image(tree)
    report = verify_image(tree, model)
    if report.faults:
        return Done(2, "", "\n".join(f"error[image]: {fault}" for fault in report.faults))
    tree.branches.write_text(json.dumps([branch.key for branch in branches], indent=1))
    write_stamp(tree, before)
    image = tree.image.relative_to(tree.root)
    seconds = time.monotonic() - start
    return Done(0, f"{image}: {len(branches)} branches counted, {report.size} bytes to load, {seconds:.1f} s")
