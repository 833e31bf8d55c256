"""Lark's reductions to syntax nodes: for each rule of luv.lark a method, or a line where nothing is to be decided."""

from codegen.build_syntax.choices import SyntaxBuilder

__all__ = ["SyntaxBuilder"]
