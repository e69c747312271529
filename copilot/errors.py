"""Everything that can go wrong in the copilot, grouped by who can put it right.

::

    CopilotError                   message: one plain sentence with the way out
    ├── StateStoreError                the operator: the state store cannot be opened, or belongs to a newer version
    │   └── StateKeyError                  the encryption key at hand does not open it, or it cannot be encrypted
    ├── EvidenceMissingError           the person who asks: no answer with that id, or its text was changed
    ├── LanguageModelError             the operator: the language model cannot be reached or gives nothing usable
    ├── VerifiedQuestionError          who looks after them: a verified question does not fit its form, or a slot
    ├── QuestionBankError              who evaluates: the bank of questions cannot be read
    ├── PolicyError                    the operator: who asks is not said, or the policies file cannot be used
    ├── PeopleError                    the operator: the file of people and roles is missing or breaks a rule
    ├── GovernanceError                who proposes or decides: there is no such proposal or version, or it was changed
    ├── PilotError                     who runs a pilot: it cannot be designed, or its design was changed
    ├── TreasuryPolicyError            treasury: the file of hurdles, floors and caps cannot be used
    ├── HistoryFileError               who back-tests: a file of invoices or events cannot be read as one
    ├── NoticeError                    who subscribes, or the operator: a time, a bound, an address or a mail server
    ├── AuditError                     the auditor: the trail or an anchor cannot be read or written
    ├── SlackError                     the operator: Slack cannot be reached, or a token or a file is missing
    └── PageError                      the operator: the chat page cannot start
"""

from __future__ import annotations


class CopilotError(Exception):
    """Base of all errors raised by this package."""


class StateStoreError(CopilotError):
    """The state store cannot be opened, or was written by a newer version."""


class StateKeyError(StateStoreError):
    """The encryption key at hand does not open the state store, or nothing can be encrypted."""


class EvidenceMissingError(CopilotError):
    """There is no evidence with that id, or its text no longer fits its seal."""


class PageError(CopilotError):
    """The chat page cannot start."""


class NoticeError(CopilotError):
    """A notice cannot be set up as it was said, or cannot be delivered."""


class AuditError(CopilotError):
    """The audit trail, an export of it or an anchor cannot be read or written."""


class SlackError(CopilotError):
    """The Slack surface cannot start: something that it needs is missing, or Slack refuses it."""


class QuestionBankError(CopilotError):
    """The bank of questions cannot be read, or does not fit its form."""


class VerifiedQuestionError(CopilotError):
    """A verified question does not fit its form or its slots, or its file cannot be used."""


class PolicyError(CopilotError):
    """It is not said who asks, or the policies file cannot be read: nothing is shown until it is."""


class TreasuryPolicyError(CopilotError):
    """The treasury's policy file does not fit its form: the message names the entry and the rule."""


class HistoryFileError(CopilotError):
    """A file of past invoices or events cannot be read: the message names the line or column and the way out."""


class LanguageModelError(CopilotError):
    """The language model cannot be reached, or its answer cannot be used. The rule planner goes on without it."""


class PeopleError(CopilotError):
    """The file of people, roles and offices is missing, cannot be read, or breaks a rule."""


class GovernanceError(CopilotError):
    """There is no such proposal, policy or file, or it was changed in the database."""


class PilotError(CopilotError):
    """A pilot cannot be designed or judged, or its design is not the one that was registered."""
