"""Measurements: the figures, the costs of exits, and the programs that count ticks."""
