"""Names for dumps: exits by number, VMCS fields by encoding."""

from __future__ import annotations

from codegen.model.choices import Model
from codegen.output import Output
from codegen.render import header_comment, render


def make_names(model: Model) -> list[Output]:
    """Names for logs and dumps."""
    first = header_comment("spec/facts/vmx/", "Names for messages and dumps.")
    exits = [(f"EXIT_REASON_{one.name.upper()}", one.name) for one in model.facts.exits.values()]
    fields = [(f"VMCS_{one.name.upper()}", one.name) for one in model.facts.vmcs.values()]
    view = {"first": first, "exits": exits, "fields": fields}
    return [Output(f"names.{kind}", render(f"names.{kind}.j2", **view)) for kind in ("c", "h")]
