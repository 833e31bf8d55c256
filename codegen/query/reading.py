"""Read a spec from a folder or a git revision, as far as it resolves."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from codegen.check import check
from codegen.diagnostics import Reporter, SpecError
from codegen.model.choices import Model
from codegen.parse_cache import parse_each
from codegen.resolve.spec import resolve_spec
from codegen.source import SourceFile, digest_sources, load_files


class BadArgument(Exception):
    """A command names something that does not exist; the text says what is accepted."""


@dataclass(frozen=True)
class Reading:
    """`error` contains every message about the spec; `model` is then the part that resolves."""

    name: str
    sources: tuple[SourceFile, ...]
    model: Model
    error: SpecError | None

    @property
    def digest(self) -> str:
        return digest_sources(self.sources)


def read_sources(name: str, sources: list[SourceFile], cache: Path | None) -> Reading:
    """Parse, resolve and check; continue with what is left after an error."""
    reporter = Reporter()
    files = parse_each(sources, cache, reporter)
    model = resolve_spec(files, reporter)
    if not reporter.failed:
        check(model, reporter)
    error = SpecError(reporter.diagnostics, {one.path: one for one in sources}) if reporter.failed else None
    return Reading(name, tuple(sources), model, error)


def read_folder(folder: Path, cache: Path | None) -> Reading:
    """Read the spec in a folder."""
    return read_sources(folder.name, load_files(folder, folder.name), cache)


def read_given(given: str, root: Path, cache: Path | None) -> Reading:
    """Read a folder of `.luv` files, a tree with such a `spec/`, or a git revision of the repository at `root`."""
    path = Path(given)
    if path.is_dir():
        folder = path / "spec" if (path / "spec").is_dir() else path
        sources = load_files(folder, "spec")
        if not sources:
            raise BadArgument(f"`{given}` is a folder without .luv files")
        return read_sources(given, sources, cache)
    return read_sources(given, load_revision(given, root), cache)


def load_revision(revision: str, root: Path) -> list[SourceFile]:
    """Return the files of spec/ in a git revision, named as in the tree so that their cached syntax is found."""
    known = run_git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], root)
    if known.returncode:
        raise BadArgument(f"`{revision}` is neither a folder with a spec nor a revision that git knows here")
    done = run_git(["archive", "--format=tar", known.stdout.decode().strip(), "spec"], root)
    if done.returncode:
        raise BadArgument(f"the revision `{revision}` has no spec/")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = [one for one in archive.getmembers() if one.isfile() and one.name.endswith(".luv")]
        sources = [SourceFile(one.name, read_member(archive, one)) for one in members]
    return sorted(sources, key=lambda one: one.path)


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member)
    return file.read().decode("utf-8-sig", errors="replace") if file else ""


def run_git(arguments: list[str], root: Path) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise BadArgument("a revision needs git, which is not here; give a folder") from None
