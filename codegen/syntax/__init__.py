"""What a `.luv` file says, before any name means something: frozen nodes with spans."""

# ruff: noqa: F403
from codegen.syntax.bodies import *
from codegen.syntax.choices import *
from codegen.syntax.domains import *
from codegen.syntax.entry_checks import *
from codegen.syntax.expressions import *
from codegen.syntax.facts import *
from codegen.syntax.files import *
from codegen.syntax.tables import *
from codegen.syntax.words import *
