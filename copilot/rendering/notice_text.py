"""What stands around an answer that nobody has just asked for: why it comes, and how it stops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from copilot.answer import Answer
from copilot.wording import figures


@dataclass(frozen=True)
class NoticeFrame:
    """`bound` is the condition in words, empty for a digest; `key` is the same for the same notice."""

    key: str
    question: str
    bound: str
    schedule: str
    sent_at: datetime
    stop_command: str
    stop_link: str = ""
    link: str = ""

    def subject(self, answer: Answer) -> str:
        """The figure itself, where there is one."""
        lead = answer.headline
        if lead is None:
            return self.question
        figure = f"{lead.label}: {figures.headline(lead.value, lead.unit)}"
        return f"{figure} ({self.bound})" if self.bound else figure

    def why(self) -> str:
        """Why it comes."""
        if self.bound:
            return (
                f"You get this because the figure is {self.bound}; the next one comes when it has been back in between."
            )
        return f"You get this by the calendar ({self.schedule})."

    def footer(self) -> list[str]:
        """Why it comes, where its evidence is, and how it stops."""
        told = [f"Asked: {self.question}", self.why()]
        if self.link:
            told.append(f"Evidence: {self.link}")
        return [*told, f"To stop it: {self.stop_link or self.stop_command}"]
