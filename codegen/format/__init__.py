"""The one layout of `.luv` files: lines break where the author has them break, the rest is settled.

Tokens go in and the same tokens come out, comments among them; only the space between them changes.
"""

from codegen.format.layout import format_text

__all__ = ["format_text"]
