"""Controls that follow from events: `trap` turns on the control that decides about an event, `native` keeps it off."""

from __future__ import annotations

from collections.abc import Iterable

from codegen import errors
from codegen.model.choices import Setting
from codegen.model.events import find_control
from codegen.resolve.scope import Scope
from codegen.source import Name


def add_event_controls(names: Iterable[Name], value: str, settings: dict[str, Setting], scope: Scope) -> None:
    """Add the settings that `trap` (on) and `native` (off) bring; report those of `set` that say the same again."""
    for name in names:
        control = find_control(scope.facts.events[name.text], scope.facts.exits)
        if not control:
            continue
        setting = settings.setdefault(control, Setting(control, value, name.span, name.text))
        if setting.value == value and not setting.event:
            clause = "trap" if value == "on" else "native"
            message = f"`{control}` is {value} already: it decides about `{name.text}`"
            errors.redundant(scope.reporter, setting.span, message, name.span, f"`{clause} {name.text}` stands here")
