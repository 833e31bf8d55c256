"""The compiler: from .luv files to C, NASM, an image and its book. Read compiler.py first."""
