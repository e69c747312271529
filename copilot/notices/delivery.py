"""How a notice leaves: by SMTP with TLS, or as a Slack message. Whoever delivers says so, or raises with the reason."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Protocol

from pydantic import SecretStr

from copilot.errors import NoticeError

PATIENCE_S = 20.0


class Posting(Protocol):
    """Sends what was rendered for it."""

    def mail(self, message: EmailMessage) -> None:
        """One e-mail. Raises NoticeError."""


class Smtp:
    """A mail server of the company; each notice opens its own connection.

    `tls` is `starttls`, `tls` or `none`; `none` is for this machine only, which the settings check.
    """

    def __init__(self, host: str, port: int, tls: str, user: str | None, password: SecretStr | None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._user, self._password = user, password

    def mail(self, message: EmailMessage) -> None:
        """Sends it, or raises NoticeError with the server's words."""
        try:
            with self._connected() as server:
                if self._tls == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self._user and self._password:
                    server.login(self._user, self._password.get_secret_value())
                server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise NoticeError(
                f"The mail server {self._host}:{self._port} did not take it ({_short(error)})."
            ) from error

    def _connected(self) -> smtplib.SMTP:
        if self._tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=PATIENCE_S, context=context)
        return smtplib.SMTP(self._host, self._port, timeout=PATIENCE_S)


def refuse_foreign(address: str, domains: Sequence[str]) -> None:
    """Raise NoticeError for a mail address outside of the domains to which figures may go."""
    domain = address.rpartition("@")[2].lower()
    if domain not in {known.lower() for known in domains}:
        allowed = ", ".join(domains) or "none is set"
        raise NoticeError(f"Figures may not be mailed to {domain}: TENOR_MAIL_DOMAINS names the domains ({allowed}).")


def _short(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {text.decode(errors='replace')}" for code, text in error.recipients.values())
    return " ".join(str(error).split())[:200] or type(error).__name__
