"""What a fault of the build means for the spec: which declaration it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from codegen.diagnostics import Diagnostic
from codegen.model.choices import Model
from codegen.source import NOWHERE

INCLUDE = re.compile(r'^#include "generated/([a-z0-9_]+)/([a-z0-9_]+)\.h"', re.MULTILINE)
MISSING = re.compile(r"undefined reference to `(\w+)'")
CONFLICT = re.compile(r"(\S+):(\d+):\d+: error: conflicting types for .(\w+).")
IMPLEMENT = "write it in runtime/ with the parameters of generated/x86/externs.h, or correct the name here"
AGREE = "give it the parameters and the result that the function has; the one that is of a CPU has `cpu : cpu` first"


def explain_tools(words: str, model: Model) -> list[Diagnostic]:
    """Return errors at the declarations that the words of compiler or linker are about."""
    found = []
    for name in dict.fromkeys(MISSING.findall(words)):
        if name in model.externs:
            message = f"no function of runtime/ is `{name}`, which is declared here"
            found.append(Diagnostic("image", model.externs[name].span, message, "declared here", help=IMPLEMENT))
    for file, line, name in dict.fromkeys(CONFLICT.findall(words)):
        if name in model.externs:
            message = f"`{name}` is declared otherwise than the function of {file}:{line}"
            found.append(Diagnostic("image", model.externs[name].span, message, "declared here", help=AGREE))
    return found


def check_domains(model: Model, outputs: Iterable[str], runtime: Path) -> list[Diagnostic]:
    """Return errors about domains that runtime/ is written for and the spec does not have."""
    made, processor = set(outputs), model.facts.processor
    texts = [path.read_text(encoding="utf-8") for path in sorted(runtime.rglob("*.[ch]"))]
    named = {name for text in texts for folder, name in INCLUDE.findall(text) if folder == processor}
    missing = sorted(name for name in named if f"{processor}/{name}.h" not in made)
    place = min((one.span for one in model.domains.values()), default=NOWHERE)
    help, label = "runtime/ includes what is generated for it: give a domain that name", "it has another name"
    return [Diagnostic("image", place, f"no domain is named `{name}`", label, help=help) for name in missing]
