"""Answer to an e-mail: plain words and an HTML page with the chart inside; nothing is fetched from anywhere."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from copilot.answer import Answer
from copilot.rendering.markdown import cell_text, column_title, is_numeric
from copilot.rendering.moments import moment
from copilot.rendering.notice_text import NoticeFrame
from copilot.rendering.picture import picture
from copilot.rendering.slack import table_lines
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import clean

MAXIMUM_ROWS = 20
_templates = PackageLoader("copilot.rendering")
_pages = Environment(loader=_templates, autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True)


def mail_of(answer: Answer, frame: NoticeFrame, sender: str, recipient: str) -> EmailMessage:
    """The message, ready to send; the same notice has the same id, so that a mailbox can tell a repetition."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, clean(frame.subject(answer), 120)
    message["Date"] = format_datetime(frame.sent_at)
    message["Message-ID"] = f"<{frame.key}@tenor.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    if frame.stop_link:
        message["List-Unsubscribe"] = f"<{frame.stop_link}>"
    message.set_content("\n".join(_lines(answer, frame)))
    shown = _pages.get_template("mail.html").render(**_parts(answer), frame=frame, answer=answer)
    message.add_alternative(shown, subtype="html")
    if answer.chart is not None:
        (page,) = (part for part in message.iter_parts() if part.get_content_type() == "text/html")
        page.add_related(picture(answer.chart), "image", "png", cid="<chart>")
    return message


def _lines(answer: Answer, frame: NoticeFrame) -> list[str]:
    lead = answer.headline
    figure = [f"{lead.label}: {figures.headline(lead.value, lead.unit)}, {key_words(lead.period)}", ""] if lead else []
    table = ["", *table_lines(answer.table)] if answer.table and len(answer.table.rows) > 1 else []
    notes = ["", *(f"Note: {caveat}" for caveat in answer.caveats)] if answer.caveats else []
    return [*figure, *answer.narrative.splitlines(), *table, *notes, "", *frame.footer()]


def _parts(answer: Answer) -> dict[str, object]:
    table, lead = answer.table, answer.headline
    columns = table.columns if table and len(table.rows) > 1 else ()
    rows = table.rows[:MAXIMUM_ROWS] if table and columns else ()
    return {
        "figure": figures.headline(lead.value, lead.unit) if lead else "",
        "under": f"{lead.label}, {key_words(lead.period)}" if lead else "",
        "columns": [{"title": column_title(c), "numeric": is_numeric(c)} for c in columns],
        "rows": [[clean(cell_text(v, c)) for v, c in zip(row, columns, strict=True)] for row in rows],
        "data_to": moment(answer.freshness.data_as_of) if answer.freshness else "",
    }
