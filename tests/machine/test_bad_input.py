"""Bad arguments and failing tools: one sentence of error, and the exit status."""

from pathlib import Path

import pytest

import build
from machine.cli import main
from machine.initrd import list_additions
from machine.paths import MachineFault
from machine.prepare import make_loader
from machine.request import Request

REFUSED = {
    "--cpus 0": "argument --cpus: `0` is not a whole number from 1 to 8",
    "--cpus two": "argument --cpus: `two` is not a whole number from 1 to 8",
    "--memory 1": "argument --memory: `1` is not a whole number from 64 to 4096",
    "--timeout -1": "argument --timeout: `-1` is not a whole number from 1 to 86400",
    "--image /nowhere": "--image /nowhere: there is no such file, or it is empty",
    "--image /dev/null --exec true": "--exec is for Debian's dom0 and has no meaning with --image",
    "--image /dev/null --with /": "--with is for Debian's dom0 and has no meaning with --image",
    "--bare --module": "--module is for Luvalley and has no meaning with --bare",
    "--bare --options apic=watch": "--options is for Luvalley and has no meaning with --bare",
    "--bare --poison": "--poison is for Luvalley and has no meaning with --bare",
    "--instrument --poison": "argument --poison: not allowed with argument --instrument",
    "--with /nowhere": "--with /nowhere: there is no such file or folder",
    "--bochs /nowhere": "--bochs /nowhere: there is no such program",
    "--nonsense": "unrecognized arguments: --nonsense",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_bad_arguments(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", *arguments.split()])
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].partition("error: ")[2] == REFUSED[arguments]


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["nonsense"]) == 2
    assert "`nonsense` is not a command; there are: run, bench, measure, check" in capsys.readouterr().err


def test_usage_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in build.COMMANDS)


def test_not_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(build.SetupError, match="^not-debian: "):
        build.install_packages({"nasm": "assembles"})


def test_apt_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(build, "find_missing", lambda packages: list(packages))
    monkeypatch.setattr(build, "run_apt", lambda arguments: False)
    with pytest.raises(build.SetupError, match="^apt-failed: apt-get could not install nasm$"):
        build.install_packages({"nasm": "assembles"})
    assert "  nasm: assembles\n" in capsys.readouterr().err


def test_apt_updates_its_lists_only_when_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run_apt(arguments: list[str]) -> bool:
        calls.append(arguments[0])
        return len(calls) > 1

    monkeypatch.setattr(build, "find_missing", lambda packages: list(packages))
    monkeypatch.setattr(build, "run_apt", run_apt)
    build.install_packages({"nasm": "assembles"})
    assert calls == ["install", "update", "install"]


def test_additions_with_one_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "x", tmp_path / "a/x"):
        path.write_text("")
    with pytest.raises(MachineFault, match="^same-name: --with was given `x` twice$"):
        list(list_additions([tmp_path / "x", tmp_path / "a/x"]))


def test_no_luvalley(tmp_path: Path) -> None:
    with pytest.raises(MachineFault, match="^no-luvalley: "):
        make_loader(tmp_path / "loader.iso", Request(), tmp_path / "luvalley.elf")
