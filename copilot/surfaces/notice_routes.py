"""The page behind the stop link of a notice: one question, one button; the link itself changes nothing.

Mail programs open links to look at them, so only the button stops. Whoever has the link may stop that one notice and
can see no more than its question.
"""

from __future__ import annotations

import html

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from copilot.notices.stopping import PATH, StopWords
from copilot.notices.subscription import Subscription
from copilot.state.subscriptions import SubscriptionRepository

GONE = "There is no such notice; it may have been stopped already."
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,
initial-scale=1"><title>Notices · Tenor</title><style>body{{font:16px/1.5 'Segoe UI',Arial,sans-serif;max-width:36rem;
margin:4rem auto;padding:0 1rem;color-scheme:light dark}}button{{font:inherit;padding:.5rem 1rem}}</style></head>
<body><h1>Notices</h1>{body}</body></html>"""


def add_notice_routes(app: FastAPI, repository: SubscriptionRepository, words: StopWords) -> None:
    """The two routes of a stop link. Plain functions, so that they run in worker threads."""

    def named(key: str, word: str) -> Subscription:
        found = next((body for body in repository.all() if body["id"] == key), None)
        if found is None or not words.fits(key, word):
            raise HTTPException(404, GONE)
        return Subscription.model_validate(found)

    @app.get(f"{PATH}/{{key}}/{{word}}")
    def asked(key: str, word: str) -> HTMLResponse:
        question = html.escape(named(key, word).question)
        return _page(f'<p>“{question}”</p><form method="post"><button>Stop this notice</button></form>')

    @app.post(f"{PATH}/{{key}}/{{word}}")
    def stopped(key: str, word: str) -> HTMLResponse:
        one = named(key, word)
        repository.remove(one.id)
        return _page(f"<p>Stopped: “{html.escape(one.question)}” is not sent any more.</p>")


def _page(body: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(body=body), headers={"cache-control": "no-store"})
