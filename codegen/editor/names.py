"""What the names of a spec mean: where each is defined, and where it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from codegen.language.words import Doc
from codegen.source import Span

Key = tuple[str, ...]  # a kind, what the name belongs to, and the name: ("bit", "cr0", "ne")
LANGUAGE = "language"  # the kind of words that the compiler itself knows, such as `u32` and `rwx`
UNKNOWN = "unknown"
LOCALS = ("local", "binder", "parameter")


@dataclass(frozen=True)
class Definition:
    """A place that defines a name. `doc` is its own comment, `table` that of the declaration around it;
    `members`: how the keys begin of what may follow after a period.
    """

    key: Key
    span: Span
    doc: Doc | None = None
    table: Doc | None = None
    members: Key = ()

    @property
    def name(self) -> str:
        return self.key[-1]


@dataclass(frozen=True)
class Use:
    """A place that uses a name."""

    key: Key
    span: Span


@dataclass
class Index:
    """Definitions and uses by key, and all places by line."""

    definitions: dict[Key, list[Definition]] = field(default_factory=dict)
    uses: dict[Key, list[Use]] = field(default_factory=dict)
    lines: dict[tuple[str, int], list[Use]] = field(default_factory=dict)

    def add_definition(self, one: Definition) -> None:
        """Enter a definition; lists are replaced, so that a copy of an index can grow beside it."""
        self.definitions[one.key] = [*self.definitions.get(one.key, ()), one]
        self.lines.setdefault((one.span.path, one.span.line), []).append(Use(one.key, one.span))

    def add_use(self, one: Use) -> None:
        """Enter a use."""
        self.uses.setdefault(one.key, []).append(one)
        self.lines.setdefault((one.span.path, one.span.line), []).append(one)

    def copy_definitions(self) -> Index:
        """Return an index that knows the same names, and no place yet."""
        return Index(dict(self.definitions))

    def find(self, path: str, line: int, column: int) -> Use | None:
        """Return the name at a place, to which its end still belongs; of several spans the shortest is the name."""
        found = [
            one for one in self.lines.get((path, line), ())
            if one.span.column <= column <= one.span.column + one.span.length
        ]  # fmt: skip
        return min(found, key=lambda one: one.span.length, default=None)

    def list_places(self, key: Key) -> list[Span]:
        """Return every place that has the name, each once, in order."""
        places: Iterable[Definition | Use] = [*self.definitions.get(key, ()), *self.uses.get(key, ())]
        return sorted({one.span for one in places})

    def list_members(self, group: Key) -> Iterator[Definition]:
        """Yield the first definition of every key that adds one name to a group."""
        for key, found in self.definitions.items():
            if key[:-1] == group:
                yield found[0]
