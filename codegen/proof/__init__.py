"""What holds for every input, proven: executable semantics of the runtime's builders, for numbers and for z3."""
