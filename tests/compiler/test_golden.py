"""Small specs, and everything that is generated from them, compared with tests/compiler/golden/."""

import pytest

from codegen.emit import generate
from codegen.source import load_file
from tests.lib.support import COMPILER, compile_small, expect, find_cases

GOLDEN = COMPILER / "golden"


@pytest.mark.parametrize("case", find_cases("golden"))
def test_output(case: str, pytestconfig: pytest.Config) -> None:
    """Compare every generated file; `pytest --update` replaces the expected ones."""
    model = compile_small(load_file(GOLDEN / f"{case}.luv", f"tests/golden/{case}.luv"))
    outputs = {one.name: one.text for one in generate(model)}
    for name, text in outputs.items():
        expect(GOLDEN / case / name, text, pytestconfig)
    files = [path for path in (GOLDEN / case).rglob("*") if path.is_file()]
    present = {path.relative_to(GOLDEN / case).as_posix() for path in files}
    if pytestconfig.getoption("--update"):
        for name in present - set(outputs):
            (GOLDEN / case / name).unlink()
    else:
        assert present == set(outputs)
