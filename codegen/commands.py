"""What the commands do, once the whole compiler is needed. cli.py prints what they return."""

from __future__ import annotations

import time

from codegen.compiler import compile_tree
from codegen.done import Done
from codegen.image import verify_image
from codegen.output import find_stale, publish
from codegen.stamp import list_inputs, write_stamp
from codegen.toolchain import build_image
from codegen.tree import Tree


def run_gen(tree: Tree) -> Done:
    """Compile spec/ into generated/."""
    _, outputs = compile_tree(tree.root / "spec", tree.syntax)
    return Done(0, f"generated/: {say_changed(publish(outputs, tree.generated))}")


def say_changed(names: list[str]) -> str:
    """File names that changed, or that none did."""
    return f"{', '.join(names)} changed" if names else "nothing changed"


def run_build(tree: Tree) -> Done:
    """Compile the spec, compile and link the image, and hold it against the model."""
    start, before = time.monotonic(), list_inputs(tree)
    model, outputs = compile_tree(tree.root / "spec", tree.syntax)
    changed = publish(outputs, tree.generated)
    made = build_image(tree)
    report = verify_image(tree, model)
    if report.faults:
        return Done(2, "", "\n".join(f"error[image]: {fault}" for fault in report.faults))
    write_stamp(tree, before)
    image = tree.image.relative_to(tree.root)
    first = f"generated/: {say_changed(changed)}; {len(made)} files compiled"
    return Done(0, f"{first}\n{image}: {report.size} bytes to load, {time.monotonic() - start:.1f} s")


def run_check(tree: Tree) -> Done:
    """Say whether generated/ is what spec/ says."""
    _, outputs = compile_tree(tree.root / "spec", tree.syntax)
    stale = find_stale(outputs, tree.generated)
    if stale:
        names = ", ".join(stale)
        return Done(1, "", f"error[stale]: generated/ is not what spec/ says: {names}; run `build.py gen`")
    return Done(0, "generated/: up to date")
