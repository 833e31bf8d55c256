"""The dispatcher of hypercalls against the model: numbers, callers, widths of arguments, handles, functions called."""

from __future__ import annotations

import ctypes
import itertools
import random
import subprocess
from dataclasses import dataclass

import pytest

from codegen.emit.c import c_declare
from codegen.emit.hypercalls import find_forwarded
from codegen.model.choices import Hypercall
from codegen.model.types import HandleType, Scalar
from tests.lib.abi import ABI, ERRNO, HYPERCALL, MAGIC, MODEL
from tests.lib.support import ROOT, TESTS

DOMAIN, VCPU = 0x10001, 1 << 48 | 0x10001
WORD = (1 << 64) - 1
ARGUMENTS = (0, 1, 0xFFFFFFFF, 1 << 32, 1 << 63, WORD, DOMAIN, VCPU)
# What a body in the spec answers is no function that could record its call.
BODIES = {one.number for one in MODEL.hypercalls.values() if find_forwarded(one) != one.name}
NUMBERS = (*sorted({*range(70)} - BODIES), 0xFF, 0xFFFF, 1 << 31, 0xFFFFFFFF)
WAYS = {way: sum(one.bit for one in ABI.callers.values() if one.way == way) for way in ("vmcall", "port")}
NONE = WORD  # the number of no call


class Record(ctypes.Structure):
    _fields_ = [("number", ctypes.c_uint64), ("object", ctypes.c_uint64), ("arguments", ctypes.c_uint64 * 4),
                ("callers", ctypes.c_uint64)]


@dataclass(frozen=True)
class Outcome:
    """What a call ends with: the error, the value, and the function that was called with its arguments."""

    error: int
    value: int = 0
    number: int = NONE
    arguments: tuple[int, ...] = (0, 0, 0, 0)
    callers: int = 0


def write_functions() -> str:
    """Return the functions that the dispatcher calls."""
    lines = [f"#define HOST_DOMAIN {DOMAIN:#x}ull", f"#define HOST_VCPU {VCPU:#x}ull"]
    for call in (one for one in MODEL.hypercalls.values() if one.number not in BODIES):
        parameters = ", ".join(["struct cpu *cpu", *(c_declare(type, name) for name, type in call.parameters)])
        handle = next((name for name, type in call.parameters if isinstance(type, HandleType)), "0")
        values = [name for name, type in call.parameters if isinstance(type, Scalar)]
        given = ", ".join([*values, "0", "0", "0", "0"][:4])
        lines += [f"struct answer {call.name}({parameters})", "{", "    (void)cpu;",
                  f"    return record({call.number}, {handle}, {given});", "}"]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("dispatch")
    (folder / "dispatched.inc").write_text(write_functions())
    sources = [TESTS / "host" / "dispatch_host.c", ROOT / "generated" / "vmx" / "dom0_tables.c"]
    folders = [f"-I{one}" for one in (folder, ROOT, ROOT / "runtime")]
    flags = ["-shared", "-fPIC", "-O1", "-Wno-all", "-Wl,-z,lazy", *folders]
    subprocess.run(["gcc", *flags, "-o", str(folder / "dispatch.so"), *map(str, sources)], check=True)
    return ctypes.CDLL(str(folder / "dispatch.so"), mode=1)  # RTLD_LAZY: functions that hypercalls do not call


def dispatch(library: ctypes.CDLL, way: str, number: int, arguments: tuple[int, ...], busy: bool,
             known: bool) -> Outcome:
    """Make a call and return how it ended."""
    registers = (ctypes.c_uint64 * 5)(MAGIC << 32 | number, *arguments)
    value = ctypes.c_uint64()
    error = library.host_dispatch(WAYS[way], registers, busy, known, ctypes.byref(value))
    record = Record.in_dll(library, "host_record")
    if record.number != NONE:
        handled = isinstance(next((type for _, type in find(number).parameters), None), HandleType)
        assert record.object == handled
    return Outcome(error, value.value, record.number, tuple(record.arguments), record.callers)


def find(number: int) -> Hypercall:
    """Return the hypercall of a number."""
    return next(one for one in MODEL.hypercalls.values() if one.number == number)


def expect(way: str, number: int, arguments: tuple[int, ...], busy: bool, known: bool) -> Outcome:
    """Return how a call should end."""
    if number not in HYPERCALL.values():
        return Outcome(ERRNO["ENOSYS"])
    call = find(number)
    callers = sum(ABI.callers[one].bit for one in call.callers) & WAYS[way]
    if not callers:
        return Outcome(ERRNO["ENOSYS"])
    pairs = list(zip(call.parameters, arguments, strict=False))
    if any(isinstance(type, Scalar) and value >> type.bits for (_, type), value in pairs):
        return Outcome(ERRNO["EINVAL"])
    if callers == ABI.callers["token"].bit and not known:
        return Outcome(ERRNO["EPERM"])
    values = [value for (_, type), value in pairs if isinstance(type, Scalar)]
    called = Outcome(0, ~number & WORD, number, (*values, 0, 0, 0, 0)[:4])
    match call.parameters[0][1].name if call.parameters else "":
        case "domain":
            done = called if arguments[0] == DOMAIN else Outcome(ERRNO["ENOENT"])
            return Outcome(done.error, done.value, done.number, done.arguments, callers)
        case "vcpu" if arguments[0] != VCPU:
            return Outcome(ERRNO["ENOENT"])
        case "vcpu" if busy:
            return Outcome(ERRNO["EBUSY"])
    return called


def test_every_number_from_both_ways(library: ctypes.CDLL) -> None:
    """With arguments that fit, and each argument in turn as wide as a register."""
    for way, number, busy, handle in itertools.product(WAYS, NUMBERS, (False, True), (DOMAIN, VCPU, 0, WORD)):
        known = not busy
        for place, value in itertools.product(range(4), (3, WORD)):
            arguments = tuple(value if at == place else (handle if at == 0 else 5 + at) for at in range(4))
            wanted = expect(way, number, arguments, busy, known)
            assert dispatch(library, way, number, arguments, busy, known) == wanted, (way, number, arguments)


def test_random_calls(library: ctypes.CDLL) -> None:
    source = random.Random(1)
    ended = set()
    for _ in range(20000):
        way, number, busy = source.choice([*WAYS]), source.choice(NUMBERS), source.random() < 0.2
        known = source.random() < 0.8
        arguments = tuple(source.choice(ARGUMENTS) for _ in range(4))
        wanted = expect(way, number, arguments, busy, known)
        assert dispatch(library, way, number, arguments, busy, known) == wanted, (way, number, arguments)
        ended.add(wanted.error)
    assert ended == {0, *(ERRNO[name] for name in ("EPERM", "ENOENT", "EBUSY", "EINVAL", "ENOSYS"))}
