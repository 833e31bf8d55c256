"""Generate files, each function pure: a checked model in, text out."""

from __future__ import annotations

from pathlib import Path

from codegen.emit.abi import make_abi, make_abi_assembly, make_options
from codegen.emit.bitmaps import make_bitmaps
from codegen.emit.entry_checks import make_entry_checks
from codegen.emit.exits import make_exit_path, make_handlers, make_registers
from codegen.emit.files import Output
from codegen.emit.headers import make_constants, make_externs, make_names, make_regions
from codegen.emit.host import make_host
from codegen.emit.hypercalls import make_calls
from codegen.emit.layout import lay_out
from codegen.emit.needed import ROOT, find_needed
from codegen.emit.requirements import make_requirements
from codegen.emit.state import make_state
from codegen.emit.tables import make_tables
from codegen.emit.vmcs_init import make_vmcs_init
from codegen.model.choices import Model


def generate(model: Model, root: Path = ROOT) -> list[Output]:
    """Generate every file, in order of name; `root` is the tree whose handwritten code includes them."""
    outputs = [*make_names(model), *make_externs(model), make_abi(model), make_calls(model), *make_entry_checks(model)]
    outputs += [*make_abi_assembly(model), *make_options(model), *make_host(model), *make_vmcs_init(model)]
    for domain in model.domains.values():
        outputs += [*make_tables(model, domain), make_bitmaps(domain), make_handlers(model, domain)]
        if not domain.under:
            outputs.append(make_requirements(model, domain))
    outputs += [make_exit_path(model), *make_registers()]
    needed = find_needed(outputs, root)
    outputs += [*make_constants(model, needed), make_regions(model, needed), make_state(model, needed)]
    return sorted(lay_out(outputs), key=lambda one: one.name)
