"""`build.py explain`: one thing of the spec on one screen: the fact, the choice, the code, the tests."""

from codegen.insight.explain.kinds import KINDS, explain

__all__ = ["KINDS", "explain"]
