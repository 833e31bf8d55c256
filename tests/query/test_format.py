"""`format`: tokens and comments do not change, and formatting twice gives the same text."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.cli import main
from codegen.language.format import format_text
from codegen.language.format_tokens import split_lines
from codegen.source import load_files
from tests.lib.support import ROOT

Capture = pytest.CaptureFixture[str]

MESSY = """

//first
/// A domain.
domain  guest
{


  native halt ,io ,
     tsc; // why
  for vmx { set primary { hlt_exiting=on ; }
      own cr0{ne;} }
  msr { default read try,write inject gp ;
     IA32_A .. IA32_B read 0x1,write do {
  if (e.value&~MASK)!=-1 {advance;}
  else {inject gp( 0 );
  } } ; }

  on cpuid(e) { let a=policy.cpuid( e.leaf,e.subleaf ); guest.rax[0 .. 7]=u8(a.eax<<2);

    // before the end
    advance; }
  //last
}
/// Registers.
layout l{0 a;12..13 b;}
layout m { 0 a;
12..13 b { x=0; y=1; }
5 c; }
"""

NEAT = """\
// first
/// A domain.
domain guest {
    native halt, io,
           tsc;  // why
    for vmx {
        set primary { hlt_exiting = on; }
        own cr0 { ne; }
    }
    msr {
        default read try, write inject gp;
        IA32_A .. IA32_B read 0x1, write do {
            if (e.value & ~MASK) != -1 { advance; } else {
                inject gp(0);
            }
        };
    }

    on cpuid(e) {
        let a = policy.cpuid(e.leaf, e.subleaf); guest.rax[0..7] = u8(a.eax << 2);

        // before the end
        advance;
    }
    // last
}

/// Registers.
layout l { 0 a; 12..13 b; }

layout m {
    0      a;
    12..13 b { x = 0; y = 1; }
    5      c;
}
"""

EXITS = """\
/// Exits.
exits {
    /// Two events.
    0  both when a.b or c.d  length none  qualification q
           => event nmi { } where info.type == 2
           => event exception {
                  vector = u8(info.vector);
                  valid = bool(info.valid);
              };
    35 reserved;
}
"""


def list_tokens(text: str) -> list[str]:
    return [token.text for line in split_lines(text) for token in line.tokens]


def test_messy_text() -> None:
    assert format_text(MESSY) == NEAT


@pytest.mark.parametrize("text", [NEAT, EXITS, "", "// only a comment\n"])
def test_formatted_text_does_not_change(text: str) -> None:
    assert format_text(text) == text


@pytest.mark.parametrize("folder", ["spec", "tests/compiler/accept", "tests/compiler/reject"])
def test_same_tokens_and_the_same_again(folder: str) -> None:
    for source in load_files(ROOT / folder, folder):
        once = format_text(source.text)
        assert list_tokens(once) == list_tokens(source.text), source.path
        assert format_text(once) == once, source.path


def test_the_spec_with_any_layout_is_formatted() -> None:
    for source in load_files(ROOT / "spec", "spec"):
        spread = "\n\n".join(f"\t {line.strip()}  " for line in source.text.split("\n\n"))
        flat = "\n".join(line.strip() for line in source.text.split("\n"))
        assert format_text(flat) == format_text(source.text), source.path
        assert list_tokens(format_text(spread)) == list_tokens(source.text)


def test_the_command(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "one.luv"
    path.write_text("/// A.\nconst A:u32=1;")
    assert main(["format", "--check", str(path)]) == 1
    assert f"{path.name} is not in the one layout" in capsys.readouterr().err
    assert main(["format", str(path)]) == 0
    assert path.read_text() == "/// A.\nconst A : u32 = 1;\n"
    assert main(["format", "--check", str(path)]) == 0


def test_what_does_not_parse_is_left_alone(tmp_path: Path, capsys: Capture) -> None:
    good, bad = tmp_path / "good.luv", tmp_path / "bad.luv"
    good.write_text("/// A.\nconst A:u32=1;")
    bad.write_text("/// A.\nconst A:;")
    assert main(["format", str(good), str(bad)]) == 1
    assert good.read_text() == "/// A.\nconst A:u32=1;"
    assert "error[syntax]" in capsys.readouterr().err


def test_what_is_no_spec(tmp_path: Path, capsys: Capture) -> None:
    assert main(["format", str(tmp_path / "none.luv")]) == 2
    assert main(["format", str(tmp_path)]) == 2
    assert "format takes .luv, .c and .h files, and `" in capsys.readouterr().err


C_MESSY = "int  a( void ){return 1;}\n"
C_NEAT = "int a(void)\n{\n    return 1;\n}\n"


@pytest.fixture
def c_tree(tmp_path: Path) -> Path:
    """Make a tree with one C file in each folder, none of them formatted."""
    (tmp_path / "spec").mkdir()
    (tmp_path / ".clang-format").write_bytes((ROOT / ".clang-format").read_bytes())
    for name in ("runtime/core/a.c", "tests/host/b.h", "tests/compiler/golden/small/c.c", "generated/d.c", "build/e.c"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(C_MESSY)
    return tmp_path


def test_handwritten_c_is_laid_out(c_tree: Path, capsys: Capture) -> None:
    assert main(["--root", str(c_tree), "format", "--check"]) == 1
    said = capsys.readouterr().err
    assert "error[format]: runtime/core/a.c:1 is not in the one layout; run `build.py format`" in said
    assert "tests/host/b.h:1 is not" in said and said.count("error[format]") == 2
    assert main(["--root", str(c_tree), "format"]) == 0
    assert capsys.readouterr().out == "runtime/core/a.c\ntests/host/b.h\n"
    laid_out = {path.name for path in c_tree.rglob("*.[ch]") if path.read_text() == C_NEAT}
    assert laid_out == {"a.c", "b.h"}
    assert main(["--root", str(c_tree), "format", "--check"]) == 0


def test_a_c_file_by_name(c_tree: Path) -> None:
    path = c_tree / "tests" / "host" / "b.h"
    assert main(["--root", str(c_tree), "format", str(path)]) == 0
    assert path.read_text() == C_NEAT
    assert (c_tree / "runtime" / "core" / "a.c").read_text() == C_MESSY
