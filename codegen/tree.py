"""Where a tree keeps its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SHARED = "dom0/libluvkvm/luv_run.h"  # what the runtime has in common with programs of dom0


@dataclass(frozen=True)
class Tree:
    """Where sources are and where objects go."""

    root: Path

    @property
    def build(self) -> Path:
        """Where everything that is not committed goes."""
        return self.root / "build"

    @property
    def generated(self) -> Path:
        """Where generated files go."""
        return self.root / "generated"

    @property
    def syntax(self) -> Path:
        """Syntax of files as it was last parsed: every build's."""
        return self.root / "build" / "syntax"

    @property
    def includes(self) -> tuple[str, ...]:
        """Folders of headers, from the root."""
        return (".", "runtime")

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where sources are."""
        runtime = self.root / "runtime"
        return *sorted(path for path in runtime.rglob("*") if path.is_dir()), self.generated

    @property
    def image(self) -> Path:
        """The image that is loaded."""
        return self.build / "luvalley.elf"

    @property
    def debug_image(self) -> Path:
        """The image with its symbols."""
        return self.build / "luvalley.debug.elf"

    def sources(self) -> list[Path]:
        """What is compiled."""
        return sorted(path for folder in self.folders for path in folder.iterdir() if path.suffix in (".c", ".asm"))

    @property
    def shared(self) -> Path:
        """The one header from outside."""
        return self.root / SHARED

    @property
    def most_bytes(self) -> int:
        """What the image may load at most."""
        return 128 << 10


class InstrumentedTree(Tree):
    """The build that counts arms: all it writes lies in a folder of its own."""

    @property
    def build(self) -> Path:
        """Where everything that is not committed goes."""
        return self.root / "build" / "instrumented"

    @property
    def generated(self) -> Path:
        """Where generated files go."""
        return self.build / "generated"

    @property
    def includes(self) -> tuple[str, ...]:
        """Its own `generated/` comes first."""
        return (self.build.relative_to(self.root).as_posix(), *super().includes)

    @property
    def most_bytes(self) -> int:
        """Counting takes room."""
        return 192 << 10

    @property
    def arms(self) -> Path:
        """The names of the counted arms, in the order of their numbers."""
        return self.build / "arms.json"
