"""Root mode's CR0, whatever the loader has left: XSAVE and XRSTOR must not raise #NM or #UD. SDM: 2.5"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

from tests.lib.support import ROOT, TESTS

PE, EM, TS, NE, WP, PG = 1, 1 << 2, 1 << 3, 1 << 5, 1 << 16, 1 << 31


def test_extended_state_may_be_switched(tmp_path: Path) -> None:
    path = tmp_path / "cpu.so"
    flags = ["-shared", "-fPIC", "-O1", "-mgeneral-regs-only", "-Wno-all", "-Wl,-z,lazy", "-fvisibility=hidden",
             "-ffunction-sections", "-Wl,--gc-sections", f"-I{ROOT}", f"-I{ROOT / 'runtime'}"]
    subprocess.run(["gcc", *flags, "-o", str(path), str(TESTS / "host" / "cpu_host.c")], check=True)
    library = ctypes.CDLL(str(path), mode=1)  # RTLD_LAZY: functions that this path does not call
    library.host_cr0_after.restype = ctypes.c_uint64
    for left in (PE, PE | TS, PE | EM, PE | EM | TS):
        value = library.host_cr0_after(ctypes.c_uint64(left))
        assert value & (EM | TS) == 0
        assert value & (PE | NE | WP | PG) == PE | NE | WP | PG
