// generated from codegen/language/luv.lark by `build.py gen`: do not edit
// Starts the language server for .luv files. `npm install` in this folder brings what it needs.
"use strict";

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function activate(context) {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? ".";
    const setting = vscode.workspace.getConfiguration("luvalley").get("server");
    const [command, ...args] = setting.map((word) => word.replace("${workspaceFolder}", folder));
    const server = { command, args, transport: TransportKind.stdio, options: { cwd: folder } };
    const options = { documentSelector: [{ scheme: "file", language: "luv" }] };
    client = new LanguageClient("luvalley", "Luvalley specs", server, options);
    context.subscriptions.push(client);
    return client.start();
}

function deactivate() {
    return client?.stop();
}

module.exports = { activate, deactivate };
