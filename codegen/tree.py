"""Where a tree keeps its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEADERS = (".h", ".inc")


@dataclass(frozen=True)
class Tree:
    """Where sources are and where objects go."""

    root: Path

    @property
    def build(self) -> Path:
        return self.root / "build"

    @property
    def folders(self) -> tuple[Path, Path]:
        return self.root / "runtime", self.root / "generated"

    @property
    def image(self) -> Path:
        return self.build / "luvalley.elf"

    @property
    def debug_image(self) -> Path:
        return self.build / "luvalley.debug.elf"

    def sources(self) -> list[Path]:
        return sorted(path for folder in self.folders for path in folder.iterdir() if path.suffix in (".c", ".asm"))

    def headers(self) -> list[Path]:
        return sorted(path for folder in self.folders for path in folder.iterdir() if path.suffix in HEADERS)
