"""The language, a module for each topic: its nodes, what builds them from text, and what prints them again."""
