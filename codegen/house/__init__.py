"""Figures of the tree itself: what is how large, and what nothing names."""
