"""For MkDocs: fenced blocks marked `luv` are coloured too."""

from __future__ import annotations

import pygments.lexers

pygments.lexers.LEXERS["LuvLexer"] = ("codegen.book.lexer", "Luvalley spec", ("luv",), ("*.luv",), ())
