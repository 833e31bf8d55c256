"""A page of the book, before MkDocs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """`name`: its file without suffix; `part`: where it stands in the book, `part/part` for a part of a part.

    `parts` are its blocks, `lead` its first sentence; `found`: whether search looks at it.
    """

    name: str
    title: str
    part: str
    parts: tuple[str, ...]
    icon: str = ""
    found: bool = True
    lead: str = ""

    @property
    def markdown(self) -> str:
        """Front matter, the title, and what follows; blocks are set apart by empty lines."""
        head = [f"title: {self.title}"]
        head += [f"icon: {self.icon}"] if self.icon else []
        head += [] if self.found else ["search:", "  exclude: true"]
        body = [f"# {self.title}", *([f'<p class="lead">{self.lead}</p>'] if self.lead else []), *self.parts]
        return "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(one for one in body if one) + "\n"
