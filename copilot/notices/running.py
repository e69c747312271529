"""Looks at every subscription whose time has come: asks, decides, delivers, remembers. One notice for each time.

    due? -> quiet? -> claimed? -> answer -> beyond its bound, and new? -> delivered -> settled

What fails is remembered with its reason and tried again; it never keeps the others from going out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from copilot.answer import Answer
from copilot.errors import CopilotError
from copilot.notices.stopping import StopWords
from copilot.notices.subscription import Subscription
from copilot.notices.times import QuietHours, due
from copilot.rendering.notice_text import NoticeFrame
from copilot.state.subscriptions import FAILED, SubscriptionRepository
from semantic_layer.errors import SemanticLayerError

_log = logging.getLogger(__name__)
ACTOR = "notice:{id}"


@dataclass(frozen=True)
class Sent:
    """The notice went out."""

    subscription: Subscription
    answer: Answer


@dataclass(frozen=True)
class NotNeeded:
    """Looked at, and not worth a notice."""

    subscription: Subscription
    why: str


@dataclass(frozen=True)
class Failed:
    """Could not be asked or delivered; tried again later."""

    subscription: Subscription
    why: str


Outcome = Sent | NotNeeded | Failed
Ask = Callable[[Subscription], Answer]


class Deliver(Protocol):
    """Sends an answer to the address of a subscription, or raises a CopilotError with the reason."""

    def __call__(self, subscription: Subscription, answer: Answer, frame: NoticeFrame) -> None:
        """One notice."""


@dataclass(frozen=True)
class NoticeRunner:
    """Everything that a round needs; `quiet` and `public_url` may be missing."""

    repository: SubscriptionRepository
    ask: Ask
    deliver: Deliver
    words: StopWords
    zone: ZoneInfo
    quiet: QuietHours | None = None
    public_url: str | None = None

    def round(self, now: datetime) -> Sequence[Outcome]:
        """One look at every subscription; `now` is aware."""
        if self.quiet is not None and self.quiet.holds(now, self.zone):
            return ()
        known = (Subscription.model_validate(body) for body in self.repository.all())
        return [outcome for one in known if (outcome := self._look(one, now)) is not None]

    def _look(self, one: Subscription, now: datetime) -> Outcome | None:
        moment = due(one.cron, self.zone, one.looked_at, now)
        if moment is None or not self.repository.claim(one.id, moment):
            return None
        try:
            outcome = self._notice(one, moment, now)
        except (CopilotError, SemanticLayerError) as error:
            outcome = Failed(one, str(error))
        except Exception:  # noqa: BLE001 (the edge of one notice: the others go on)
            _log.exception("the notice %s failed", one.id)
            outcome = Failed(one, "something went wrong; the log has the details")
        match outcome:
            case Failed(why=why):
                self.repository.settle(one.id, moment, f"{FAILED}{why}")
            case NotNeeded(subscription=after, why=why):
                self.repository.settle(one.id, moment, why)
                self._remember(after, moment)
            case Sent(subscription=after):
                self.repository.settle(one.id, moment, "sent")
                self._remember(after, moment)
        return outcome

    def _remember(self, one: Subscription, moment: datetime) -> None:
        after = one.model_copy(update={"looked_at": moment})
        self.repository.replace(one.id, after.model_dump(mode="json"))

    def _notice(self, one: Subscription, moment: datetime, now: datetime) -> Outcome:
        answer = self.ask(one)
        if one.condition is not None:
            beyond = one.condition.holds(answer.headline) if answer.headline else None
            if beyond is None:
                return NotNeeded(one, f"no figure: {answer.narrative}"[:300])
            if not beyond or one.alerting:
                return NotNeeded(one.model_copy(update={"alerting": beyond}), "known" if beyond else "within its bound")
        self.deliver(one, answer, self.frame(one, answer, moment, now))
        return Sent(one.model_copy(update={"alerting": one.condition is not None}), answer)

    def frame(self, one: Subscription, answer: Answer, moment: datetime, now: datetime) -> NoticeFrame:
        """What stands around the answer of one notice."""
        unit = answer.headline.unit if answer.headline else "count"
        page = self.public_url.rstrip("/") if self.public_url else ""
        return NoticeFrame(
            key=f"{one.id}.{moment.astimezone(self.zone):%Y%m%dT%H%M}",
            question=one.question,
            bound=one.condition.words(unit) if one.condition else "",
            schedule=one.cron,
            sent_at=now,
            stop_command=f"tenor notices stop {one.id}",
            stop_link=self.words.link(self.public_url, one.id),
            link=f"{page}/evidence/{answer.evidence_id}" if page else "",
        )
