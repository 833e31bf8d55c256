"""The one layout: the same tokens, comments among them, and the same text again."""

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
def test_what_is_laid_out_stays(text: str) -> None:
    assert format_text(text) == text


@pytest.mark.parametrize("folder", ["spec", "tests/compiler/accept", "tests/compiler/reject"])
def test_same_tokens_and_the_same_again(folder: str) -> None:
    for source in load_files(ROOT / folder, folder):
        once = format_text(source.text)
        assert list_tokens(once) == list_tokens(source.text), source.path
        assert format_text(once) == once, source.path


def test_any_layout_of_the_spec_becomes_the_one() -> None:
    for source in load_files(ROOT / "spec", "spec"):
        spread = "\n\n".join(f"\t {line.strip()}  " for line in source.text.split("\n\n"))
        flat = "\n".join(line.strip() for line in source.text.split("\n"))
        assert format_text(flat) == format_text(source.text), source.path
        assert list_tokens(format_text(spread)) == list_tokens(source.text)


def test_the_command(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "one.luv"
    path.write_text("/// A.\nconst A:u32=1;")
    assert main(["format", "--check", str(path)]) == 1
    assert f"error[format]: {path} is not in the one layout" in capsys.readouterr().err
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
    assert "format takes .luv files, and `" in capsys.readouterr().err
