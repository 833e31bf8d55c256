"""Answer questions about a spec: its exit coverage, single facts, differences between specs, and records of runs."""
