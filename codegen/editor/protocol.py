"""What pygls leaves out of the protocol: answers to messages that are malformed, too early or too late."""

from __future__ import annotations

from typing import Any

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol


class Answered(Exception):
    """A message was invalid, and its sender has had the error response."""


class Protocol(LanguageServerProtocol):
    """The protocol, with an error for every request that is not served."""

    ready = False
    status = 0  # of the process: 1 after an `exit` without `shutdown`

    def refuse(self, id: Any, error: JsonRpcException) -> None:
        """Answer a request with an error; one whose id is unknown has none."""
        body = {"code": error.code, "message": error.message}
        self._send_data({"jsonrpc": self.VERSION, "id": id, "error": body})

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Return a message in its type; a request whose parameters have another form is refused."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            if "id" in data and "method" in data:
                self.refuse(data["id"], JsonRpcInvalidParams())
            raise Answered from None

    def handle_message(self, message: Any) -> None:
        """Handle a message, if it is one, and if it is time for it."""
        method, id = getattr(message, "method", None), getattr(message, "id", None)
        if not hasattr(message, "jsonrpc"):
            self.refuse(None, JsonRpcInvalidRequest())
        elif method is not None and id is not None and self._shutdown:
            self.refuse(id, JsonRpcInvalidRequest("the server is shutting down"))
        elif method is not None and id is not None and not self.ready and method != types.INITIALIZE:
            self.refuse(id, JsonRpcServerNotInitialized())
        else:
            self.ready = self.ready or method == types.INITIALIZE
            self.status = int(method == types.EXIT and not self._shutdown)
            super().handle_message(message)

    def refuse_text(self) -> None:
        """Answer what is not JSON at all."""
        self.refuse(None, JsonRpcParseError())
