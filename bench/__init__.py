"""Everything that measures: the figures, what exits cost, and the programs that take the ticks."""
