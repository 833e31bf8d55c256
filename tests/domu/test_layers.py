"""dom0/libluvkvm/luvalley is layered: no cycle among the includes of its modules."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter

from machine.compile import LIBRARY

INCLUDE = re.compile(r'^#include "(luvalley/\w+)\.h"$', re.MULTILINE)


def test_no_circle_among_modules() -> None:
    needs: dict[str, set[str]] = {}
    for path in (LIBRARY / "luvalley").glob("*.[ch]"):
        module = f"luvalley/{path.stem}"
        needs.setdefault(module, set()).update(set(INCLUDE.findall(path.read_text())) - {module})
    order = list(TopologicalSorter(needs).static_order())  # raises CycleError, which names the cycle
    assert order.index("luvalley/hypercall") < order.index("luvalley/run") < order.index("luvalley/backend")
