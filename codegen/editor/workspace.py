"""The open files, and the specs that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path

from codegen.editor.project import Analysis, Project, find_spec


@dataclass(frozen=True)
class File:
    """A file in its spec."""

    project: Project
    name: str


@dataclass
class Workspace:
    """Projects by the folder of their spec, or by the file that belongs to none; and open files by their URI."""

    projects: dict[str, Project] = field(default_factory=dict)
    versions: dict[str, int | None] = field(default_factory=dict)
    uris: dict[str, str] = field(default_factory=dict)

    def find(self, uri: str) -> File:
        """Return the file of a URI; one without a path belongs to no spec."""
        path = to_fs_path(uri)
        folder = find_spec(Path(path)) if path else None
        project = self.projects.setdefault(str(folder) if folder else uri, Project(folder))
        return File(project, project.name(Path(path)) if path else uri)

    def open(self, uri: str, text: str, version: int | None) -> File:
        """Note an open file's text."""
        file = self.find(uri)
        file.project.buffers[file.name] = text
        self.versions[uri] = version
        self.uris[str(file.project.path(file.name))] = uri
        return file

    def close(self, uri: str) -> File:
        """Forget an open file: what is on disk counts again. A project without open files is left."""
        file = self.find(uri)
        file.project.buffers.pop(file.name, None)
        self.versions.pop(uri, None)
        self.uris.pop(str(file.project.path(file.name)), None)
        return file

    def name_uri(self, project: Project, name: str) -> str:
        """Return a file's URI, for an open one the editor's own."""
        path = str(project.path(name))
        return self.uris.get(path) or (path if ":" in path.partition("/")[0] else from_fs_path(path) or path)

    def line_end(self, file: File) -> str:
        """Return how an open file ends its lines."""
        return "\r\n" if "\r\n" in file.project.buffers.get(file.name, "") else "\n"

    def analyse(self, file: File) -> Analysis:
        """Return what a file's spec says now."""
        return file.project.analyse()
