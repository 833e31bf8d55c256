"""Controls that follow from events: `trap` turns on those that decide about an event, `native` keeps them off."""

from __future__ import annotations

from collections.abc import Iterable

from codegen import errors
from codegen.model.choices import Setting
from codegen.model.events import find_controls
from codegen.resolve.scope import Scope
from codegen.source import Name


def add_event_controls(names: Iterable[Name], value: str, settings: dict[str, Setting], scope: Scope) -> None:
    """Add the settings that `trap` (on) and `native` (off) bring; report those of `set` that say the same again."""
    for name in names:
        for control in find_controls(scope.facts.events[name.text], scope.facts.exits):
            setting = settings.setdefault(control, Setting(control, value, name.span, name.text))
            if setting.value == value and not setting.event:
                clause = "trap" if value == "on" else "native"
                message = f"`{control}` is {value} already: it decides about `{name.text}`"
                where = f"`{clause} {name.text}` stands here"
                errors.redundant(scope.reporter, setting.span, message, name.span, where)
