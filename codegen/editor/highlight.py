"""Syntax files for editors, made from the grammar: a TextMate grammar for VS Code, a syntax file for Vim."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from codegen.editor.keywords import list_keywords
from codegen.model.entry_checks import PREDICATES
from codegen.model.types import SCALARS, VMCS_TYPES

FOLDER = "docs/editors"
TYPES = sorted({*SCALARS, *VMCS_TYPES})
MADE = "generated from codegen/language/luv.lark by `build.py gen`: do not edit"
NUMBER = r"0x[0-9A-Fa-f][0-9A-Fa-f_]*|[0-9][0-9_]*[KMG]?"
OPERATOR = r"=>|->|\.\.|<<|>>|[-+*/%&|^~<>=!]=?"
LANGUAGE_CLIENT = "9.0.1"  # of vscode-languageclient, which the extension needs


def write_words(words: tuple[str, ...] | list[str]) -> str:
    """Return words as a regular expression; a word after a period is a name, whatever it is spelled like."""
    return rf"(?<!\.)\b(?:{'|'.join(words)})\b"


def make_textmate() -> dict[str, Any]:
    """Return the TextMate grammar."""
    keywords = [word for word in list_keywords() if word not in TYPES]
    patterns = [
        {"name": "comment.line.documentation.luv", "begin": "///", "end": "$", "patterns": [
            {"name": "markup.underline.link.section.luv", "match": r"SDM:[ 0-9A-Z.,]*"},
            {"name": "markup.inline.raw.luv", "match": "`[^`]*`"},
        ]},
        {"name": "comment.line.double-slash.luv", "match": "//.*$"},
        {"name": "string.quoted.double.luv", "match": '"[^"\\\\\\n]*"'},
        {"name": "constant.numeric.luv", "match": rf"\b(?:{NUMBER})\b"},
        {"name": "storage.type.luv", "match": write_words(TYPES)},
        {"name": "keyword.control.luv", "match": write_words(keywords)},
        {"name": "support.function.luv", "match": write_words(sorted(PREDICATES))},
        {"name": "constant.other.luv", "match": r"\b[A-Z][A-Z0-9_]+\b"},
        {"name": "entity.name.function.luv", "match": r"\b[A-Za-z_][A-Za-z0-9_]*(?=\()"},
        {"name": "keyword.operator.luv", "match": OPERATOR},
    ]  # fmt: skip
    return {"comment": MADE, "name": "Luvalley spec", "scopeName": "source.luv", "fileTypes": ["luv"],
            "patterns": patterns}


def make_package() -> dict[str, Any]:
    """Return the manifest of the VS Code extension."""
    setting = {
        "type": "array", "items": {"type": "string"}, "default": ["python3", "${workspaceFolder}/build.py", "lsp"],
        "markdownDescription": "The command that starts the language server.",
    }  # fmt: skip
    language = {"id": "luv", "aliases": ["Luvalley spec"], "extensions": [".luv"],
                "configuration": "./language-configuration.json"}
    return {
        "name": "luvalley", "displayName": "Luvalley specs", "description": "Specs of the Luvalley hypervisor (.luv)",
        "version": "0.1.0", "publisher": "luvalley", "license": "Apache-2.0", "private": True,
        "engines": {"vscode": "^1.82.0"}, "categories": ["Programming Languages"], "main": "./extension.js",
        "dependencies": {"vscode-languageclient": LANGUAGE_CLIENT},
        "contributes": {
            "languages": [language],
            "grammars": [{"language": "luv", "scopeName": "source.luv", "path": "./syntaxes/luv.tmLanguage.json"}],
            "configuration": {"title": "Luvalley", "properties": {"luvalley.server": setting}},
        },
    }  # fmt: skip


def make_configuration() -> dict[str, Any]:
    """Return how VS Code handles comments, brackets and words."""
    pairs = [["{", "}"], ["[", "]"], ["(", ")"]]
    return {
        "comments": {"lineComment": "//"},
        "brackets": pairs,
        "autoClosingPairs": [*pairs, ['"', '"']],
        "surroundingPairs": [*pairs, ['"', '"'], ["`", "`"]],
        "wordPattern": "[A-Za-z_][A-Za-z0-9_]*",
        "indentationRules": {"increaseIndentPattern": r"^.*\{[^}]*$", "decreaseIndentPattern": r"^\s*\}"},
        "onEnterRules": [{"beforeText": r"^\s*///.*$", "action": {"indent": "none", "appendText": "/// "}}],
    }  # fmt: skip


EXTENSION = """\
// {made}
// Starts the language server for .luv files. `npm install` in this folder brings what it needs.
"use strict";

const vscode = require("vscode");
const {{ LanguageClient, TransportKind }} = require("vscode-languageclient/node");

let client;

function activate(context) {{
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? ".";
    const setting = vscode.workspace.getConfiguration("luvalley").get("server");
    const [command, ...args] = setting.map((word) => word.replace("${{workspaceFolder}}", folder));
    const server = {{ command, args, transport: TransportKind.stdio, options: {{ cwd: folder }} }};
    const options = {{ documentSelector: [{{ scheme: "file", language: "luv" }}] }};
    client = new LanguageClient("luvalley", "Luvalley specs", server, options);
    context.subscriptions.push(client);
    return client.start();
}}

function deactivate() {{
    return client?.stop();
}}

module.exports = {{ activate, deactivate }};
"""

VIM = r"""" {made}
if exists("b:current_syntax")
  finish
endif

syn case match
syn iskeyword @,48-57,_

{keywords}
syn keyword luvType {types}
syn keyword luvFunction {predicates}
syn match luvConstant "\<[A-Z][A-Z0-9_]\+\>"
syn match luvNumber "\<0x\x[0-9A-Fa-f_]*\>\|\<\d[0-9_]*[KMG]\?\>"
syn match luvMember "\.\h\w*"
syn match luvOperator "=>\|->\|<<\|>>\|[-+*%&|^~<>=!]=\?"
syn region luvString start=+"+ end=+"+ oneline
syn match luvComment "//.*$"
syn match luvDoc "///.*$" contains=luvSection,luvCode
syn match luvSection "SDM:[ 0-9A-Z.,]*" contained
syn match luvCode "`[^`]*`" contained

hi def link luvKeyword Keyword
hi def link luvType Type
hi def link luvFunction Function
hi def link luvConstant Constant
hi def link luvNumber Number
hi def link luvOperator Operator
hi def link luvString String
hi def link luvComment Comment
hi def link luvDoc SpecialComment
hi def link luvSection Underlined
hi def link luvCode Identifier

let b:current_syntax = "luv"
"""

FTPLUGIN = """\
" {made}
if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1
setlocal commentstring=//\\ %s comments=:///,:// shiftwidth=4 expandtab
let b:undo_ftplugin = "setlocal commentstring< comments< shiftwidth< expandtab<"
"""


def make_vim() -> str:
    """Return Vim's syntax file."""
    keywords = [word for word in list_keywords() if word not in TYPES]
    lines = textwrap.wrap(" ".join(keywords), 100)
    return VIM.format(
        made=MADE, keywords="\n".join(f"syn keyword luvKeyword {line}" for line in lines), types=" ".join(TYPES),
        predicates=" ".join(sorted(PREDICATES)),
    )  # fmt: skip


def make_files() -> dict[str, str]:
    """Return all files for editors, by their path in the folder."""
    data = {
        "vscode/package.json": make_package(),
        "vscode/language-configuration.json": make_configuration(),
        "vscode/syntaxes/luv.tmLanguage.json": make_textmate(),
    }  # fmt: skip
    texts = {name: json.dumps(one, indent=2) + "\n" for name, one in data.items()}
    return {
        **texts,
        "vscode/extension.js": EXTENSION.format(made=MADE),
        "vim/syntax/luv.vim": make_vim(),
        "vim/ftplugin/luv.vim": FTPLUGIN.format(made=MADE),
        "vim/ftdetect/luv.vim": f'" {MADE}\nautocmd BufNewFile,BufRead *.luv setfiletype luv\n',
    }  # fmt: skip


def find_changed_files(root: Path) -> dict[str, str]:
    """Return the files for editors that are not what the grammar says; a tree without the folder has none."""
    folder = root / FOLDER
    if not folder.is_dir():
        return {}
    made = {f"{FOLDER}/{name}": text for name, text in make_files().items()}
    return {name: text for name, text in made.items() if not has_text(root / name, text)}


def has_text(path: Path, text: str) -> bool:
    """Return whether a file has a text."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


def write_files(root: Path) -> list[str]:
    """Write the files for editors; return the names of those that changed."""
    changed = find_changed_files(root)
    for name, text in changed.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(changed)
