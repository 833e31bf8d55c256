"""One module per kind of file; each is pure: a checked model in, text out."""

from __future__ import annotations

from codegen.generate.abi import make_abi
from codegen.generate.bitmaps import make_bitmaps
from codegen.generate.calls import make_calls
from codegen.generate.constants import make_constants
from codegen.generate.entry_checks import make_entry_checks
from codegen.generate.exit_path import make_exit_path
from codegen.generate.externs import make_externs
from codegen.generate.handlers import make_handlers
from codegen.generate.names import make_names
from codegen.generate.regions import make_regions
from codegen.generate.requirements import make_requirements
from codegen.generate.state import make_state
from codegen.generate.tables import make_tables
from codegen.model.choices import Model
from codegen.output import Output


def generate(model: Model) -> list[Output]:
    """Every generated file, in order of name."""
    outputs = [*make_constants(model), *make_names(model), *make_externs(model), make_abi(model), make_calls(model)]
    outputs += [make_regions(model), make_state(model), *make_entry_checks(model)]
    for domain in model.domains.values():
        outputs += [*make_tables(model, domain), make_bitmaps(domain), make_handlers(model, domain)]
        if not domain.under:
            outputs += [make_exit_path(model, domain), make_requirements(model, domain)]
    return sorted(outputs, key=lambda one: one.name)
