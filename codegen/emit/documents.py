"""Tables of handwritten documents that come from the spec, between two markers."""

from __future__ import annotations

from pathlib import Path

from codegen.emit.abi import write_options
from codegen.model.choices import Model

DOCUMENT = "docs/command-line.md"
BEGIN, END = "<!-- options -->", "<!-- /options -->"


def fill_documents(model: Model, root: Path) -> list[str]:
    """Write the tables into the documents; return the names of those that changed."""
    texts = find_changed(model, root)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return list(texts)


def find_changed(model: Model, root: Path) -> dict[str, str]:
    """Return the documents whose tables are not the spec's, with the text that they should have."""
    path = root / DOCUMENT
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if BEGIN not in text or END not in text:
        return {}
    before, _, rest = text.partition(BEGIN)
    wanted = f"{before}{BEGIN}\n{write_options(model.abi)}\n{END}{rest.partition(END)[2]}"
    return {} if wanted == text else {DOCUMENT: wanted}
