"""Parsing the output of a run: markers, ticks, panics, port 0xE9, the screen; and Bochs's configuration."""

from pathlib import Path

from machine.bochs import Machine, Progress, read_panic, read_ticks, write_configuration
from machine.console import Console
from machine.markers import find_init_tick, find_output, find_status
from machine.screen import Screen

SERIAL = "noise\r\n@luv init-tick 881814309\r\n@luv output\r\nhello\r\nworld\r\n@luv status 7\r\npower down\r\n"
LOG = """00005823557i[BIOS  ] Booting from 0000:7c00
01011765478p[ACPI  ] >>PANIC<< ACPI control: soft power off
01011765478i[SIM   ] quit_sim called with exit code 1
"""


def test_markers() -> None:
    assert find_output(SERIAL) == "hello\nworld\n"
    assert find_status(SERIAL) == 7
    unended = "@luv output\r\nno line end@luv status 0\r\n"
    assert (find_output(unended), find_status(unended)) == ("no line end", 0)
    assert find_init_tick(SERIAL) == 881814309


def test_markers_of_a_run_that_died_early() -> None:
    assert find_output("noise\r\n") == ""
    assert find_status("@luv status") is None
    assert find_init_tick("") is None


def test_output_before_the_status_has_come() -> None:
    assert find_output("@luv output\r\nhalf a li") == "half a li"


def test_log() -> None:
    assert read_ticks(LOG) == 1011765478
    assert read_ticks("") is None
    assert read_panic(LOG) == "ACPI control: soft power off"
    assert read_panic("") == ""


def test_last_line() -> None:
    assert Progress(1.0, "one\r\ntwo\r\n\r\n").line == "two"
    assert Progress(1.0, "").line == ""


def test_e9_is_between_the_lines_of_bochs() -> None:
    console = Console(draws_on_output=False)
    console.output += (b"opening words\r\nNext at t=0\r\n(0) [0x0000fffffff0] jmpf ; ea5be000f0\r\n"
                       b"from the guest\r\nagain" + b"=" * 72 + b"\r\nBochs is exiting with the following message:\r\n")
    console.close()
    assert console.e9() == "from the guest\nagain"


def test_screen_keeps_text_and_place() -> None:
    screen = Screen()
    screen.feed(b"\x1b[H\x1b[Jone\r\n\r\n\x1b[3;5Htwo  \x1b[1;81H\x0ex\x0f")
    assert screen.text() == "one\n\n    two"


def test_configuration_names_every_drive(tmp_path: Path) -> None:
    machine = Machine(tmp_path, cpus=2, disks=(tmp_path / "a", tmp_path / "b"), cdrom=tmp_path / "c", boot="cdrom")
    text = write_configuration(machine, "mode=null")
    assert f"ata0-master: type=disk, path={tmp_path}/a, mode=flat\n" in text
    assert f"ata0-slave: type=disk, path={tmp_path}/b, mode=flat\n" in text
    assert f"ata1-master: type=cdrom, path={tmp_path}/c, status=inserted\n" in text
    assert "count=2" in text
    assert "boot: cdrom\n" in text
