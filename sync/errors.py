"""Every error of a sync, grouped by what the catcher should do.

Messages are plain sentences that name the thing, the rule and the way out. They never hold a response's body, a
token or a secret.

* SyncError
  x FatalSyncError                  stop: a person must change something, trying again will not help
    + SettingsError                 a setting is missing, malformed or unsafe
    + CredentialsRefusedError       Coupa does not know the client, or refuses its secret or scopes
    + SourceChangedError            the work file mirrors another Coupa than the one asked for
    + MirrorBusyError               another sync is writing, or a program holds the work file
    + MirrorUnreadableError         a file of the mirror is damaged, or newer than this program
    + EncryptionError               a file and the key at hand do not belong together, or nothing could be encrypted
    + SandboxError                  the sandbox company could not be started
    + StateStoreError               the store of what was approved is not there, or is older than this program
    + FeedError                     there is no such feed, or what was declared about one cannot be used
    + ResourceError                 one resource cannot be read; the others can
      - AccessDeniedError           the scope of the resource is missing (403)
      - UnknownResourceError        Coupa has no such address (404)
      - RequestRefusedError         Coupa refuses the query (400, 422, other 4xx)
      - PageOrderError              pages do not follow each other by id
      - EmptyReloadError            a list that had entries is suddenly empty
      - TooManyGoneError            more records vanished at once than the settings allow
    + IncompleteSyncError           some resources could not be read; what was read is kept, nothing was published
  x RetriableSyncError              try again later; the client did so already before it gave up
    + UnreachableError              no connection, unknown host, or no answer in time
    + RateLimitedError              too many requests (429)
    + ServerTroubleError            Coupa answers 5xx
    + BrokenPageError               an answer is cut short or is not the JSON that was asked for
  x RejectedRecordError             one record cannot be typed: it is set aside, everything else goes on
  x RefusedFileError                one file of a feed cannot be read: it is refused whole, the others go on
  x ReconciliationError             the mirror and Coupa disagree
"""

from collections.abc import Sequence


class SyncError(Exception):
    """Base of all errors of this package. Its text is a plain sentence fit for a user."""


class FatalSyncError(SyncError):
    """Stop: a person must change something first."""


class SettingsError(FatalSyncError):
    """A setting is missing, malformed or unsafe."""


class CredentialsRefusedError(FatalSyncError):
    """Coupa does not know the client, or refuses its secret or its scopes."""


class SourceChangedError(FatalSyncError):
    """The files at hand mirror another Coupa than the one asked for."""


class MirrorBusyError(FatalSyncError):
    """Another sync is writing, or a program holds the work file open."""


class MirrorUnreadableError(FatalSyncError):
    """A file of the mirror is damaged, missing, or newer than this program."""


class EncryptionError(FatalSyncError):
    """A file and the key at hand do not belong together, or nothing can be encrypted safely."""


class SandboxError(FatalSyncError):
    """The sandbox company could not be started."""


class StateStoreError(FatalSyncError):
    """The store of what was approved is not there, cannot be opened, or is older than this program."""


class FeedError(FatalSyncError):
    """There is no such feed or load, or what was declared about one cannot be used."""


class ResourceError(FatalSyncError):
    """One resource cannot be read; the others can."""


class AccessDeniedError(ResourceError):
    """The client lacks the scope of the resource."""


class UnknownResourceError(ResourceError):
    """Coupa has no such address."""


class RequestRefusedError(ResourceError):
    """Coupa refuses the query."""


class PageOrderError(ResourceError):
    """Pages do not follow each other by id, so records could be missed."""


class EmptyReloadError(ResourceError):
    """A list that had entries is suddenly empty; the mirror keeps what it has."""


class TooManyGoneError(ResourceError):
    """More records vanished at once than the settings allow; the mirror keeps what it has."""


class IncompleteSyncError(FatalSyncError):
    """Some resources could not be read. What was read is kept for the next run; nothing was published."""

    def __init__(self, failures: Sequence[SyncError]) -> None:
        self.failures = tuple(failures)
        reasons = " ".join(str(failure) for failure in self.failures)
        super().__init__(
            f"{reasons} Nothing was published; what was read is kept, and the next run goes on from there.",
        )


class RetriableSyncError(SyncError):
    """Try again later: the cause may pass by itself."""


class UnreachableError(RetriableSyncError):
    """No connection, unknown host, or no answer in time."""


class RateLimitedError(RetriableSyncError):
    """Too many requests. `retry_after` is the pause Coupa asks for, in seconds, if it says one."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerTroubleError(RetriableSyncError):
    """Coupa answers 5xx. `retry_after` as in RateLimitedError."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BrokenPageError(RetriableSyncError):
    """An answer is cut short or is not the JSON that was asked for."""


class RejectedRecordError(SyncError):
    """One record cannot be typed: `field` is Coupa's name of the first offending field, `problem` what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"Field {field!r}: {problem}.")
        self.field = field
        self.problem = problem


class RefusedFileError(SyncError):
    """One file of a feed cannot be read, and is refused whole. Its text goes on after the file's name."""


class ReconciliationError(SyncError):
    """The mirror and Coupa disagree."""
