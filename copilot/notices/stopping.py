"""The word in a stop link: whoever has the link may stop that one notice, and nobody can guess another's."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

KEY_FILE = "notices.key"
PATH = "/notices/stop"


class StopWords:
    """Words made from a key of the state folder; the key is made (for its owner only) when there is none."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / KEY_FILE
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
        except FileExistsError:
            pass
        self._key = path.read_bytes()

    def word(self, subscription: str) -> str:
        """The word that stops a subscription."""
        return hmac.new(self._key, subscription.encode(), hashlib.sha256).hexdigest()

    def fits(self, subscription: str, word: str) -> bool:
        """Whether a word stops it."""
        return hmac.compare_digest(self.word(subscription), word)

    def link(self, public_url: str | None, subscription: str) -> str:
        """The address that stops it, empty where nobody can reach the page."""
        return f"{public_url.rstrip('/')}{PATH}/{subscription}/{self.word(subscription)}" if public_url else ""
