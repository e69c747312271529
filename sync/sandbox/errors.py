"""What can go wrong in the sandbox, as one tree.

SandboxError
├── RefusalError             an answer other than 2xx, with the status and body that Coupa would send
│   ├── UnauthorisedError    401
│   ├── ForbiddenError       403
│   ├── NotFoundError        404
│   ├── BadQueryError        400
│   └── TooManyCallsError    429
├── EditError                an edit that the company cannot take
├── FaultScriptError         a trouble that cannot be read
└── UnknownPresetError       a company of a size that does not exist
"""

from collections.abc import Mapping


class SandboxError(Exception):
    """Any failure that the sandbox raises on purpose."""


class UnknownPresetError(SandboxError):
    """The preset asked for is not one of tiny, small, medium, large."""


class FaultScriptError(SandboxError):
    """A line of a fault script names a fault, an argument or a value that does not exist."""


class EditError(SandboxError):
    """An edit names a record, an attribute or a value that the company cannot take; nothing was changed."""


class RefusalError(SandboxError):
    """A request that is answered with an error body: `status`, the model the errors belong to, and messages."""

    status = 500

    def __init__(self, model: str, *messages: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(messages))
        self.model = model
        self.messages = messages
        self.headers = dict(headers or {})

    def body(self) -> dict[str, dict[str, list[str]]]:
        """Coupa's shape: `{"errors": {"<model>": ["message", ...]}}`."""
        return {"errors": {self.model: list(self.messages)}}


class UnauthorisedError(RefusalError):
    """No token, an unknown token, or one that has expired."""

    status = 401


class ForbiddenError(RefusalError):
    """The token's scopes do not cover the resource."""

    status = 403


class NotFoundError(RefusalError):
    """An id or an address that does not exist."""

    status = 404


class BadQueryError(RefusalError):
    """A query that names an unknown attribute, an unknown operator or an unreadable value."""

    status = 400


class TooManyCallsError(RefusalError):
    """More calls a second than the instance allows."""

    status = 429
