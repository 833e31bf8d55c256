"""What an editor asks about a spec: the language server of `build.py lsp`, and the syntax files."""
