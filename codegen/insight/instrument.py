"""The instrumented build: the ordinary spec, one more file that declares the counters, and bodies that count."""

from __future__ import annotations

import json
import time
from pathlib import Path

from codegen.compiler import compile_sources
from codegen.done import Done
from codegen.generate import generate
from codegen.image import verify_image
from codegen.insight.arms import Arm, instrument
from codegen.model.choices import Model
from codegen.output import Output, publish
from codegen.render import header_comment, render
from codegen.source import load_file, load_files
from codegen.stamp import list_inputs, write_stamp
from codegen.toolchain import build_image
from codegen.tree import InstrumentedTree

EXTRA = Path(__file__).with_name("instrument.luv")


def compile_instrumented(tree: InstrumentedTree) -> tuple[Model, list[Output], tuple[Arm, ...]]:
    """The checked model, what is generated from the one that counts, and the arms that it counts."""
    spec = tree.root / "spec"
    sources = [*load_files(spec, spec.name), load_file(EXTRA, f"codegen/insight/{EXTRA.name}")]
    counting, arms = instrument(compile_sources(sources, tree.syntax))
    return counting, [*generate(counting), make_counters(arms)], arms


def make_counters(arms: tuple[Arm, ...]) -> Output:
    """The counters in C."""
    first = header_comment("spec/", "How often each arm was taken: only the instrumented build has this.")
    return Output("arms.c", render("arms.c.j2", first=first, arms=arms))


def build_instrumented(tree: InstrumentedTree) -> Done:
    """Compile, link and verify it, beside the ordinary build and without touching that."""
    start, before = time.monotonic(), list_inputs(tree)
    model, outputs, arms = compile_instrumented(tree)
    tree.build.mkdir(parents=True, exist_ok=True)
    publish(outputs, tree.generated)
    build_image(tree)
    report = verify_image(tree, model)
    if report.faults:
        return Done(2, "", "\n".join(f"error[image]: {fault}" for fault in report.faults))
    tree.arms.write_text(json.dumps([arm.key for arm in arms], indent=1))
    write_stamp(tree, before)
    image = tree.image.relative_to(tree.root)
    seconds = time.monotonic() - start
    return Done(0, f"{image}: {len(arms)} arms counted, {report.size} bytes to load, {seconds:.1f} s")
