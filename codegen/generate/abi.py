"""The hypercalls' header for programs in dom0."""

from __future__ import annotations

from codegen.generate.c_lines import fold_c
from codegen.generate.constants import exit_count
from codegen.generate.hypercalls import MAGIC, find_port
from codegen.model.choices import Model
from codegen.output import Output
from codegen.render import header_comment, render


def make_abi(model: Model) -> Output:
    """The hypercalls as programs of dom0 include them."""
    first = header_comment("spec/hypercalls.luv", "Hypercalls as dom0 sees them.")
    names = [""] * exit_count(model.facts)
    for exit in model.facts.exits.values():
        names[exit.number] = exit.name
    calls = sorted(model.hypercalls.values(), key=lambda one: one.number)
    errnos = sorted(model.errnos.values(), key=lambda one: one.number)
    forwards = sorted(model.facts.forwards.values(), key=lambda one: one.number)
    ports = [port for domain in model.domains.values() if (port := find_port(domain))]
    view = {"first": first, "magic": f"{MAGIC:#x}u", "calls": calls, "names": names, "errnos": errnos,
            "forwards": forwards, "port": f"{ports[0].first:#x}" if ports else ""}
    return Output("luvalley_abi.h", fold_c(render("abi.h.j2", **view)))
