"""`measure`: parsing the output of its runs, and the image of its guest."""

from pathlib import Path

import pytest

from bench.costs import Cost, assemble_guest, read_costs
from bench.measure import EXITS, find_hidden, find_ranges
from machine.grub import SECTOR
from machine.paths import MachineFault

OUTPUT = """memory hidden: 0x1fc00000-0x1fdfffff (2048 KiB)
exits cpuid: 12
exits in all: 12
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009dfff] usable
[    0.000000] BIOS-e820: [mem 0x000000000009e000-0x000000000009ffff] reserved
@luv cost info|VMCALL from ring 3|return|98
"""


def test_output_of_dom0() -> None:
    assert find_hidden(OUTPUT) == {"first": 0x1FC00000, "last": 0x1FDFFFFF, "kind": "hidden"}
    assert [(one["first"], one["kind"]) for one in find_ranges(OUTPUT)] == [(0, "usable"), (0x9E000, "reserved")]
    assert EXITS.findall(OUTPUT) == [("cpuid", "12")]
    assert read_costs(OUTPUT.replace("\n", "\r\n")) == [Cost("info", "VMCALL from ring 3", "return", 98)]


def test_runs_without_figures() -> None:
    with pytest.raises(MachineFault, match=r"^no-costs: "):
        read_costs("noise\n")
    with pytest.raises(MachineFault, match=r"^no-hidden: "):
        find_hidden("noise\n")


def test_the_guest_is_whole_sectors_with_a_boot_record(tmp_path: Path) -> None:
    content = assemble_guest(tmp_path / "costs.img", 0x1FC00000).read_bytes()
    assert len(content) % SECTOR == 0
    assert content[510:512] == b"\x55\xaa"
