"""The numbers of the interface with programs of dom0, as spec/ declares them."""

from __future__ import annotations

from tests.lib.support import compile_spec

MODEL = compile_spec()
ABI = MODEL.abi

MAGIC = ABI.magic
HYPERCALL = {name: call.number for name, call in MODEL.hypercalls.items()}
ERRNO = {name: one.number for name, one in MODEL.errnos.items()}
CALLER = {name: one.bit for name, one in ABI.callers.items()}
LIMIT = {name: one.number for name, one in ABI.limits.items()}
RIGHT = {one.name: one.mask for one in ABI.flags["right"].flags}
SIZE = {name: record.size for name, record in ABI.records.items()}
