"""From syntax to the model: what every name means and which type every expression has. Read spec.py first."""
