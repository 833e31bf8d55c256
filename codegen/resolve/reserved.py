"""Names that the generated C has for itself."""

from __future__ import annotations

from codegen import errors, syntax
from codegen.diagnostics import Reporter

C_WORDS = {
    "NULL", "asm", "auto", "bool", "break", "case", "char", "const", "continue", "cpu", "default", "do",
    "double", "else", "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int", "long",
    "register", "restrict", "return", "short", "signed", "size_t", "sizeof", "static", "struct", "switch",
    "true", "typedef", "typeof", "u16", "u32", "u64", "u8", "union", "unsigned", "void", "volatile", "while",
}  # fmt: skip


def check_reserved(name: syntax.Name, kind: str, reporter: Reporter) -> None:
    """Locals, parameters, fields, constants and externs keep their names in C."""
    if name.text in C_WORDS:
        errors.reserved_name(reporter, name, kind)
