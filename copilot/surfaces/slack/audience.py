"""Where an answer may be shown, and with whose rights: decided before anything is computed.

In a direct message it is the asker alone. In a channel everybody reads along, so the least privileged reader rules: the
answer is given with that reader's rights, or, where the readers' rights cannot be ordered, to the asker alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from semantic_layer.viewer import EVERYBODY, Viewer

MOST_READERS = 500
"""A channel with more readers than this is not looked through; its answers go to the asker alone."""


@dataclass(frozen=True)
class Here:
    """Show it where it was asked, as `viewer` sees it; `narrowed` when that is less than the asker may see."""

    viewer: Viewer
    narrowed: bool = False


@dataclass(frozen=True)
class Alone:
    """Send it to the asker in a direct message, and say why in the channel to them only."""

    viewer: Viewer
    why: str


@dataclass(frozen=True)
class Refused:
    """The asker was not let in."""


Audience = Here | Alone | Refused


def in_direct_message(asker: Viewer | None) -> Audience:
    """Only the asker reads."""
    return Refused() if asker is None else Here(asker)


def in_channel(asker: Viewer | None, declared: Viewer | None, readers: Iterable[Viewer | None] | None) -> Audience:
    """Everybody in the channel reads. `readers` are their viewers (None: not let in), or None when there are too many.

    A viewer that the people file declares for the channel stands for all of its readers.
    """
    if asker is None:
        return Refused()
    if declared is not None:
        return _as(asker, declared)
    if readers is None:
        return Alone(asker, "this channel has too many readers to check")
    found = list(readers)
    if None in found:
        return Alone(asker, "not everybody in this channel may ask Tenor")
    limited = {viewer.identity(): viewer for viewer in found if viewer is not None}
    limited[asker.identity()] = asker
    limited.pop(EVERYBODY.identity(), None)
    if len(limited) > 1:
        return Alone(asker, "the people in this channel may see different things")
    return _as(asker, next(iter(limited.values()), asker))


def _as(asker: Viewer, least: Viewer) -> Audience:
    """The rights of the least privileged; an asker who may see something else than those gets it alone."""
    if least.identity() == asker.identity():
        return Here(asker)
    if asker.identity() == EVERYBODY.identity():
        return Here(least, narrowed=True)
    return Alone(asker, "the people in this channel may see different things")
