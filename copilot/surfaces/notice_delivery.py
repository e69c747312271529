"""Where notices go: mail within the company's domains, Slack within the rights of whoever reads there."""

from __future__ import annotations

from dataclasses import dataclass

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from copilot.answer import Answer
from copilot.errors import NoticeError
from copilot.notices.delivery import Smtp, refuse_foreign
from copilot.notices.subscription import Address, Subscription
from copilot.rendering.mail import mail_of
from copilot.rendering.notice_text import NoticeFrame
from copilot.rendering.picture import picture
from copilot.rendering.slack import slack_messages
from copilot.settings import Settings
from copilot.surfaces.slack.people import read_directory
from copilot.viewers import viewer_of


@dataclass(frozen=True)
class Post:
    """Delivers by what the settings name."""

    settings: Settings

    def __call__(self, subscription: Subscription, answer: Answer, frame: NoticeFrame) -> None:
        """Sends one notice, or raises a CopilotError with the reason."""
        self.check(subscription.address, subscription.viewer)
        if subscription.address.kind == "mail":
            self._smtp().mail(mail_of(answer, frame, self.settings.mail_from, subscription.address.to))
        else:
            self._slack(subscription.address, answer, frame)

    def check(self, address: Address, viewer: str | None) -> None:
        """Refuses an address that may not get what this viewer sees, or that nothing is set up for."""
        if address.kind == "mail":
            self._smtp()
            refuse_foreign(address.to, [d.strip() for d in self.settings.mail_domains.split(",") if d.strip()])
            return
        if self.settings.slack_bot_token is None or self.settings.slack_people is None:
            raise NoticeError("Slack is not set up: set TENOR_SLACK_BOT_TOKEN and TENOR_SLACK_PEOPLE (docs/slack.md).")
        directory = read_directory(self.settings.slack_people, self.settings)
        reader = directory.person(address.workspace, address.to) or directory.channel(address.workspace, address.to)
        rights = viewer_of(self.settings.model_copy(update={"viewer": viewer}))
        if reader is None or reader.identity() != rights.identity():
            raise NoticeError(
                f"{address} may not get what {rights.name} sees: its entry in the people file must name that viewer."
            )

    def _smtp(self) -> Smtp:
        s = self.settings
        if s.smtp_host is None:
            raise NoticeError("No mail server is set: set TENOR_SMTP_HOST, or send the notice to Slack.")
        return Smtp(s.smtp_host, s.smtp_port, s.smtp_tls, s.smtp_user, s.smtp_password)

    def _slack(self, address: Address, answer: Answer, frame: NoticeFrame) -> None:
        token = self.settings.slack_bot_token
        client = WebClient(token.get_secret_value() if token else None, base_url=self.settings.slack_api_url)
        remark = f"{frame.why()} To stop it: {frame.stop_link or frame.stop_command}"
        try:
            channel = address.to
            if channel.startswith(("U", "W")):
                channel = str(client.conversations_open(users=channel)["channel"]["id"])
            for message in slack_messages(answer, link=frame.link or None, remark=remark):
                client.chat_postMessage(channel=channel, text=message.text, blocks=message.blocks, unfurl_links=False)
            if answer.chart is not None:
                name = f"tenor-{answer.evidence_id}.png"
                client.files_upload_v2(channel=channel, content=picture(answer.chart), filename=name, title="Chart")
        except SlackApiError as error:
            raise NoticeError(f"Slack did not take the notice ({error.response.get('error', 'no reason')}).") from error
