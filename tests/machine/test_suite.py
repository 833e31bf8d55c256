"""Kernels of several Debians: their mirror, their layouts of packages, their compressed or built-in modules."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from machine import suite
from machine.debian import describe_kernel, read_modules
from machine.paths import MachineFault

RELEASE = "6.12.1+deb13-cloud-amd64"
LAYOUTS = {
    "debian 12": (f"boot/vmlinuz-{RELEASE}", f"lib/modules/{RELEASE}"),
    "debian 13": (f"boot/vmlinuz-{RELEASE}", f"usr/lib/modules/{RELEASE}"),
    "debian 14": (f"usr/lib/modules/{RELEASE}/vmlinuz", f"usr/lib/modules/{RELEASE}"),
}


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, targets: str, release: str) -> None:
    """Let apt's configuration name these targets on that Debian."""
    (folder / "os-release").write_text(release)
    monkeypatch.setattr(suite, "OS_RELEASE", folder / "os-release")
    monkeypatch.setattr(suite, "run_command", lambda command: targets)


def test_mirror_is_that_of_the_own_suite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    targets = ("http://other.invalid/ nodistro main\nhttp://security.invalid/ bookworm-security main\n"
               "http://first.invalid/debian/ bookworm contrib\nhttp://mirror.invalid/debian/ bookworm main\n")
    configure(monkeypatch, tmp_path, targets, 'ID=debian\nVERSION_CODENAME=bookworm\n')
    assert suite.find_mirror() == "http://mirror.invalid/debian/"
    suite.write_options("trixie", tmp_path / "apt")
    written = (tmp_path / "apt" / "sources.list").read_text()
    assert written.endswith("] http://mirror.invalid/debian/ trixie main\n")


@pytest.mark.parametrize(("targets", "release"), [
    ("http://mirror.invalid/ trixie main\n", "VERSION_CODENAME=bookworm\n"),
    ("http://mirror.invalid/ bookworm main\n", "ID=other\n")])
def test_no_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, targets: str, release: str) -> None:
    configure(monkeypatch, tmp_path, targets, release)
    with pytest.raises(MachineFault, match="no-mirror: "):
        suite.find_mirror()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kernel(tmp_path: Path, layout: str) -> None:
    image, modules = (tmp_path / path for path in LAYOUTS[layout])
    for path, content in {
        image: b"kernel", modules / "kernel/a.ko": b"plain", modules / "kernel/b.ko.xz": lzma.compress(b"packed"),
        modules / "modules.builtin": b"kernel/drivers/c-d.ko\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    kernel = describe_kernel(tmp_path)
    assert (kernel.release, kernel.vmlinuz, kernel.modules) == (RELEASE, image, modules)
    assert read_modules(kernel, ("b", "c_d", "a")) == {"b": b"packed", "a": b"plain"}
    with pytest.raises(MachineFault, match="no-module: .* `e`"):
        read_modules(kernel, ("e",))
