"""The marker lines that dom0's init writes on the serial port, and the output between them."""

from __future__ import annotations

import re

OUTPUT = "@luv output\n"
STATUS = re.compile(r"@luv status (\d+)$", re.MULTILINE)  # output before it need not end its line
INIT_TICK = re.compile(r"^@luv init-tick (\d+)$", re.MULTILINE)


def clean_serial(serial: str) -> str:
    """Return serial text with plain line ends."""
    return serial.replace("\r\n", "\n")


def find_output(serial: str) -> str:
    """Return the output of the command in dom0 so far."""
    text = clean_serial(serial)
    _, found, rest = text.partition(OUTPUT)
    if not found:
        return ""
    end = STATUS.search(rest)
    return rest[:end.start()] if end else rest


def find_status(serial: str) -> int | None:
    """Return the status that dom0 reported, or None."""
    found = STATUS.search(clean_serial(serial))
    return int(found[1]) if found else None


def find_init_tick(serial: str) -> int | None:
    """Return the time stamp counter at the start of dom0's first process, or None."""
    found = INIT_TICK.search(clean_serial(serial))
    return int(found[1]) if found else None
