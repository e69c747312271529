"""A question for a query ("draft SQL for ...") -> a SELECT that a language model wrote and the guard let through.

It is asked for in so many words, never a way out for a question that no metric fits: what it gives is exploration, and
is labelled so. The model sees the names of views and columns that the viewer may see, and no value but those of the
question, hidden as the settings say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from copilot.errors import LanguageModelError
from copilot.language_model import LanguageModel, Message, estimated_tokens
from copilot.planning.model_budget import Allowance
from copilot.planning.model_form import json_of
from copilot.planning.model_retrieval import Nearest
from copilot.planning.model_values import Shield, Shielded
from copilot.planning.plan import Clock, ExplorePlan
from semantic_layer.errors import GuardError
from semantic_layer.fragments import DUCKDB
from semantic_layer.guard import guard_foreign

ATTEMPTS = 2
"""One draft and one repair."""
ANSWER_TOKENS = 500
MOST_VIEWS = 12
VIEW_CHARACTERS = 7_000
ALWAYS = ("invoice", "supplier")
"""Views that every draft gets to see where the model has them."""
_WRITE = r"(?:draft|write|compose|generate|give|show|make)(?: me| us)?"
_QUERY = (
    r"(?:an? |the |some )?(?:sql|duckdb|select|sql query|sql statement|query|select statement)(?: statement| query)?"
)
_ASKED = re.compile(
    rf"^\s*(?:please |can you |could you )?{_WRITE} {_QUERY}(?: for| to| that| which| of| on|:)+\s+(?P<what>\S.*)$"
    r"|^\s*(?:sql|explore|exploratory)\s*:\s*(?P<short>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)

Views = Mapping[str, tuple[str, ...]]
"""View -> its columns."""


class DraftForm(BaseModel):
    """What the model answers with."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    possible: bool
    sql: str


@dataclass(frozen=True)
class NoDraft:
    """There is no SELECT; `why` is a sentence for the asker."""

    why: str


def draft_asked(question: str) -> str | None:
    """What a SELECT is asked for; None where the question asks for none."""
    found = _ASKED.match(question)
    return (found["what"] or found["short"]).strip() if found else None


class SqlDrafter:
    """Asks a language model for a SELECT, checks it with the guard, and lets the model put it right once."""

    def __init__(self, model: LanguageModel, shield: Shield, allowance: Allowance) -> None:
        self._model = model
        self._shield = shield
        self._allowance = allowance

    @property
    def name(self) -> str:
        """What the model is called."""
        return self._model.name

    def draft(self, wanted: str, views: Views, clock: Clock) -> ExplorePlan | NoDraft:
        """A plan with a SELECT over the views that passes the guard, or why there is none."""
        shielded = self._shield.over(wanted, clock)
        messages = [Message("system", _instructions(wanted, views, shielded, clock)), Message("user", shielded.text)]
        used, problem = 0, "it gave no usable SELECT"
        for _ in range(ATTEMPTS):
            spent = self._allowance.exceeded(estimated_tokens(messages) + ANSWER_TOKENS, used)
            if spent is not None:
                return NoDraft(f"The language model was not asked, since {spent}.")
            try:
                answer = self._model.complete(messages, DraftForm.model_json_schema())
            except LanguageModelError as error:
                return NoDraft(str(error))
            self._allowance.book(answer.tokens_in, answer.tokens_out)
            used += answer.tokens_in + answer.tokens_out
            try:
                form = DraftForm.model_validate_json(json_of(answer.text))
                if not form.possible:
                    return NoDraft("The language model says that the views here cannot answer this.")
                sql = with_names(form.sql, shielded)
                guard_foreign(sql, views, clock.today)
                return ExplorePlan(sql=sql, drafted_by=self._model.name)
            except (ValidationError, GuardError) as error:
                problem = "its answer was no SELECT" if isinstance(error, ValidationError) else str(error)
                repair = f"That does not pass: {problem[:400]} Write it again."
                messages = [*messages, Message("assistant", answer.text[:2_000]), Message("user", repair)]
        return NoDraft(f"The language model wrote nothing that may run: {problem}")


def with_names(sql: str, shielded: Shielded) -> str:
    """The SELECT with the values behind code names; only whole string literals are names."""
    hidden = {cell.name: cell.value for cell in shielded.cells if cell.is_hidden}
    if not hidden:
        return sql
    try:
        tree = DUCKDB.parse(sql)[0]
    except (SqlglotError, IndexError):
        return sql  # the guard says what is wrong with it
    if tree is None:
        return sql
    for literal in tree.find_all(exp.Literal):
        if literal.is_string and literal.this in hidden:
            literal.set("this", hidden[literal.this])
    return tree.sql("duckdb")


def _instructions(wanted: str, views: Views, shielded: Shielded, clock: Clock) -> str:
    text = files("copilot").joinpath("prompts/draft.md").read_text(encoding="utf-8")
    values = "\n".join(shielded.lines()) or "- none"
    return text.format(views=_described(wanted, views), values=values, today=clock.today.isoformat())


def _described(wanted: str, views: Views) -> str:
    """The views likest to the question, with their columns, within the cap."""
    names = tuple(views)
    told = [f"{name} {' '.join(columns)}".replace("_", " ") for name, columns in views.items()]
    near = (names[at] for at in Nearest(told).nearest(wanted, MOST_VIEWS))
    lines: list[str] = []
    for name in dict.fromkeys((*(n for n in ALWAYS if n in views), *near)):
        line = f"- {name}: {', '.join(views[name])}"
        if sum(map(len, lines)) + len(line) <= VIEW_CHARACTERS:
            lines.append(line)
    return "\n".join(lines)
