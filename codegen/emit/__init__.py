"""Generate files, each function pure: a checked model in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codegen.emit.abi import make_abi, make_abi_assembly, make_options
from codegen.emit.bitmaps import make_bitmaps
from codegen.emit.entry_checks import make_entry_checks
from codegen.emit.exits import make_exit_path, make_handlers, make_registers
from codegen.emit.fields_init import make_fields_init, make_host, make_host_bits
from codegen.emit.files import Output, lay_out
from codegen.emit.headers import (
    make_constants,
    make_externs,
    make_machine_constants,
    make_names,
    make_regions,
    make_state,
)
from codegen.emit.hypercalls import make_calls
from codegen.emit.needed import ROOT, find_needed
from codegen.emit.requirements import make_requirements
from codegen.emit.tables import make_tables
from codegen.model.choices import Model


def generate(model: Model, root: Path = ROOT) -> list[Output]:
    """Generate every file for one processor, in order of name; `root` is the tree with the code that includes them."""
    return generate_all({model.facts.processor: model}, root)


def generate_all(models: Mapping[str, Model], root: Path = ROOT) -> list[Output]:
    """Generate every file: what all processors share once, and a folder for each of them."""
    outputs = generate_shared(models)
    for model in models.values():
        outputs += generate_processor(model)
    needed = find_needed(outputs, root)
    for model in models.values():
        outputs += [*make_constants(model, needed), make_state(model, needed)]
    first = next(iter(models.values()))
    outputs += [make_machine_constants(models.values(), needed), *make_regions(first, needed)]
    return sorted(lay_out(outputs), key=lambda one: one.name)


def generate_shared(models: Mapping[str, Model]) -> list[Output]:
    """Generate the interface with programs, and what bodies share with the runtime."""
    first = next(iter(models.values()))
    outputs = [make_abi(models), make_calls(first), *make_abi_assembly(first), *make_options(first)]
    return [*outputs, *make_externs(first), *make_host_bits(first)]


def generate_processor(model: Model) -> list[Output]:
    """Generate the files of one processor; its constants come last, when it is known which of them are named."""
    outputs = [*make_names(model), *make_entry_checks(model), *make_host(model), *make_fields_init(model)]
    for domain in model.domains.values():
        outputs += [*make_tables(model, domain), make_bitmaps(model, domain), make_handlers(model, domain)]
        if not domain.under:
            outputs.append(make_requirements(model, domain))
    return [*outputs, make_exit_path(model), *make_registers(model)]
