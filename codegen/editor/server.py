"""`build.py lsp`: the language server, over standard input and output.

Diagnostics follow the text by DELAY, and what is typed meanwhile is in them. Requests look at the newest text.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from codegen.diagnostics import Done
from codegen.editor.answers import Answers
from codegen.editor.protocol import Answered, Protocol
from codegen.editor.rename import Rename, RenameRefused, check_renamable, rename
from codegen.editor.workspace import File, Workspace

DELAY = 0.05  # seconds
MAX_SHOWN = 6  # places in a message that an editor pops up; its log has them all
log = logging.getLogger(__name__)


class RequestFailed(JsonRpcException):
    """A request that is understood and cannot be served."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "the request cannot be served"


class Server(LanguageServer):
    """The server, and what it knows of open files and their specs."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("luvalley", "1", types.TextDocumentSyncKind.Full, protocol_cls=Protocol)
        self.files = Workspace()
        self.scheduled: dict[int, File] = {}
        self.published: dict[str, list[types.Diagnostic]] = {}
        self.owners: dict[str, int] = {}

    def answers(self, uri: str) -> Answers:
        """Return what can be said about a file now."""
        return Answers(self.files, self.files.find(uri), self.server_capabilities.position_encoding)

    def schedule(self, file: File) -> None:
        """Publish diagnostics of a file's spec soon; the text that counts is the one that it has then."""
        project = id(file.project)
        if project not in self.scheduled:
            asyncio.get_running_loop().call_later(DELAY, self.publish_scheduled, project)
        self.scheduled[project] = file

    def publish_scheduled(self, project: int) -> None:
        """Publish; a fault of the compiler leaves the editor with what it had."""
        file = self.scheduled.pop(project)
        try:
            self.publish(file, Answers(self.files, file, self.server_capabilities.position_encoding))
        except Exception as fault:  # the server must outlive a fault of the compiler, which is logged
            log.exception("no diagnostics")
            text = f"no diagnostics: a fault of the compiler: {fault!r}"
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, text))

    def publish(self, file: File, answers: Answers) -> None:
        """Publish what changed: for files with errors, for those that had some, and for open ones."""
        found, project = answers.diagnostics(), id(file.project)
        open_uris = {uri for uri in self.files.versions if self.files.find(uri).project is file.project}
        had = {uri for uri, owner in self.owners.items() if owner == project}
        for uri in sorted({*found, *open_uris, *had}):
            messages = found.get(uri, [])
            if uri in open_uris or self.published.get(uri) != messages:
                version = self.files.versions.get(uri)
                self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, messages, version))
            self.published[uri], self.owners[uri] = messages, project

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Answer what is not JSON; log the rest: an editor shall not show a window for each."""
        if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            self.protocol.refuse_text()
        elif not isinstance(error, Answered | RequestFailed):
            log.error("%s", error)


server = Server()


@server.feature(types.INITIALIZED)
def watch_files(ls: Server, params: types.InitializedParams) -> None:
    """Ask the client to notify of spec files that change on disk."""
    workspace = ls.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching and watching.dynamic_registration:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher("**/*.luv")])
        made = types.Registration("luv-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        ls.client_register_capability(types.RegistrationParams([made]))


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def open_file(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    one = params.text_document
    ls.schedule(ls.files.open(one.uri, one.text, one.version))


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def change_file(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    one = params.text_document
    text = ls.workspace.get_text_document(one.uri).source
    ls.schedule(ls.files.open(one.uri, text, one.version))


@server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
def close_file(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    ls.schedule(ls.files.close(params.text_document.uri))


@server.feature(types.TEXT_DOCUMENT_DID_SAVE)
def save_file(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    ls.schedule(ls.files.find(params.text_document.uri))


@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
def change_watched(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    for one in params.changes:
        ls.schedule(ls.files.find(one.uri))


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    return ls.answers(params.text_document.uri).hover(params.position)


@server.feature(types.TEXT_DOCUMENT_DEFINITION)
def definition(ls: Server, params: types.DefinitionParams) -> list[types.Location]:
    return ls.answers(params.text_document.uri).definition(params.position)


@server.feature(types.TEXT_DOCUMENT_REFERENCES)
def references(ls: Server, params: types.ReferenceParams) -> list[types.Location]:
    answers = ls.answers(params.text_document.uri)
    return answers.references(params.position, params.context.include_declaration)


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
def highlight(ls: Server, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
    return ls.answers(params.text_document.uri).highlights(params.position)


@server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[".", " "]))
def completion(ls: Server, params: types.CompletionParams) -> types.CompletionList:
    items = ls.answers(params.text_document.uri).completion(params.position)
    return types.CompletionList(False, items)


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
def symbols(ls: Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    return ls.answers(params.text_document.uri).symbols()


@server.feature(types.TEXT_DOCUMENT_FORMATTING)
def format(ls: Server, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
    return ls.answers(params.text_document.uri).format()


@server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
def prepare_rename(ls: Server, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
    answers = ls.answers(params.text_document.uri)
    use = answers.find(params.position)
    if use is None:
        return None
    try_or_refuse(lambda: check_renamable(use.key, answers.analysis))
    return types.PrepareRenamePlaceholder(answers.range(use.span), use.key[-1])


@server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
def rename_name(ls: Server, params: types.RenameParams) -> types.WorkspaceEdit | None:
    answers = ls.answers(params.text_document.uri)
    use = answers.find(params.position)
    if use is None:
        return None
    folder = answers.file.project.folder
    root = folder.parent if folder else None
    made = try_or_refuse(lambda: rename(use.key, params.new_name, answers.analysis, root))
    warn(ls, use.key[-1], made)
    return make_edit(ls, answers, made, params.new_name)


def try_or_refuse(action: Callable[[], Any]) -> Any:
    """Return what an action returns; a refusal becomes the answer."""
    try:
        return action()
    except RenameRefused as fault:
        raise RequestFailed(str(fault)) from None


def warn(ls: Server, name: str, made: Rename) -> None:
    """Say which lines of handwritten code have the name and were not renamed."""
    if not made.citations:
        return
    more = len(made.citations) - MAX_SHOWN
    shown = [*made.citations[:MAX_SHOWN], *([f"and {more} more, in the log"] if more > 0 else [])]
    head = f"handwritten code is written against `{name}` and was not changed:"
    ls.window_show_message(types.ShowMessageParams(types.MessageType.Warning, "\n".join([head, *shown])))
    ls.window_log_message(types.LogMessageParams(types.MessageType.Warning, "\n".join([head, *made.citations])))


def make_edit(ls: Server, answers: Answers, made: Rename, new: str) -> types.WorkspaceEdit:
    """Return the edits of all files; for open ones with the version that they are of, if the editor can tell."""
    edits: dict[str, list[types.TextEdit]] = {}
    for span in made.spans:
        uri = ls.files.name_uri(answers.file.project, span.path)
        edits.setdefault(uri, []).append(types.TextEdit(answers.range(span), new))
    workspace = ls.client_capabilities.workspace
    if not (workspace and workspace.workspace_edit and workspace.workspace_edit.document_changes):
        return types.WorkspaceEdit(changes=edits)
    changes = [
        types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, ls.files.versions.get(uri)), some)
        for uri, some in edits.items()
    ]
    return types.WorkspaceEdit(document_changes=changes)


def is_fault(record: logging.LogRecord) -> bool:
    """Return whether pygls logs a fault: it also logs what is refused with good reason."""
    return not (record.exc_info and isinstance(record.exc_info[1], RequestFailed | Answered))


def run_server() -> Done:
    """Serve until the editor says exit, or is gone. What the compiler prints must not mix with the protocol."""
    output = sys.stdout.buffer
    logging.getLogger("pygls.protocol.json_rpc").addFilter(is_fault)
    sys.stdout = sys.stderr
    server.start_io(sys.stdin.buffer, output)
    return Done(server.protocol.status, "")
