"""The poisoned image with a planted fault: one field of a new VMCS is not written."""

from __future__ import annotations

import struct
from pathlib import Path

from codegen.emit.fields_init import make_view
from machine.paths import IMAGE, POISONED
from tests.lib.support import compile_spec


def leave_out_field(path: Path, domain: str, field: str) -> Path:
    """Copy the poisoned image to `path`, with a field in the domain's list of zeros replaced by its neighbor."""
    model = compile_spec()
    encodings = {f"VMCS_{one.name.upper()}": one.encoding for one in model.facts.vmcs.values()}
    fields = [encodings[one] for one in make_view(model, model.domains[domain]).always]
    index = fields.index(model.facts.vmcs[field].encoding)
    changed = [*fields[:index], fields[index - 1], *fields[index + 1:]]
    old, new = (struct.pack(f"<{len(some)}H", *some) for some in (fields, changed))
    image = (POISONED / IMAGE.name).read_bytes()
    assert image.count(old) == 1
    path.write_bytes(image.replace(old, new))
    return path
