"""Where incidents of governance go: the channels and mailboxes of TENOR_APPROVALS_TO, within what they may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.audit.chain import Event
from copilot.errors import NoticeError
from copilot.notices.announcing import Announcer, Incident
from copilot.notices.delivery import Smtp, refuse_foreign
from copilot.notices.subscription import Address
from copilot.notices.times import QuietHours
from copilot.rendering.incident_words import incident_card, incident_mail
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.surfaces.slack.people import read_directory
from semantic_layer.viewer import EVERYBODY

ACTOR = "tenor"


@dataclass(frozen=True)
class IncidentPost:
    """Sends by what the settings name. Figures are the whole company's: a channel must be one that may see all."""

    settings: Settings

    def __call__(self, address: Address, incidents: Sequence[Incident]) -> None:
        """One message. Raises NoticeError."""
        if address.kind == "mail":
            self._mail(address.to, incidents)
        else:
            self._slack(address, incidents)

    def _mail(self, to: str, incidents: Sequence[Incident]) -> None:
        s = self.settings
        refuse_foreign(to, [domain.strip() for domain in s.mail_domains.split(",") if domain.strip()])
        if s.smtp_host is None:
            raise NoticeError("No mail server is set: set TENOR_SMTP_HOST, or name a Slack channel.")
        server = Smtp(s.smtp_host, s.smtp_port, s.smtp_tls, s.smtp_user, s.smtp_password)
        server.mail(incident_mail(incidents, s.mail_from, to, self._page()))

    def _slack(self, address: Address, incidents: Sequence[Incident]) -> None:
        token = self.settings.slack_bot_token
        if token is None or self.settings.slack_people is None:
            raise NoticeError("Slack is not set up: set TENOR_SLACK_BOT_TOKEN and TENOR_SLACK_PEOPLE (docs/slack.md).")
        directory = read_directory(self.settings.slack_people, self.settings)
        reader = directory.person(address.workspace, address.to) or directory.channel(address.workspace, address.to)
        if reader is None or reader.identity() != EVERYBODY.identity():
            raise NoticeError(
                f"{address} may not get the whole company's figures: its entry in the people file must name a viewer "
                "that sees all."
            )
        client = WebClient(token.get_secret_value(), base_url=self.settings.slack_api_url)
        card = incident_card(incidents, self._page())
        try:
            to = address.to
            if to.startswith(("U", "W")):
                to = str(client.conversations_open(users=to)["channel"]["id"])
            client.chat_postMessage(channel=to, text=card.text, blocks=list(card.blocks), unfurl_links=False)
        except SlackApiError as error:
            raise NoticeError(f"Slack did not take it ({error.response.get('error', 'no reason')}).") from error
        except (SlackClientError, OSError) as error:
            raise NoticeError(f"Slack cannot be reached ({error}).") from error

    def _page(self) -> str:
        return f"{self.settings.public_url.rstrip('/')}/approvals" if self.settings.public_url else ""


def announcer(settings: Settings, store: StateStore) -> Announcer:
    """The one of the settings. Raises NoticeError for an address that is none."""

    def record(address: Address, incidents: Sequence[Incident]) -> None:
        for one in incidents:
            about = getattr(one, "subject", None) or f"proposal {getattr(one, 'proposal', '')}"
            store.audit.append(Event(actor=ACTOR, role="", action="announced", object=about, told={"to": str(address)}))

    named = [part.strip() for part in settings.approvals_to.split(",") if part.strip()]
    return Announcer(
        repository=store.subscriptions,
        post=IncidentPost(settings),
        record=record,
        addresses=[Address.of(name) for name in named],
        zone=settings.time_zone(),
        quiet=QuietHours.of(settings.quiet_hours),
    )
