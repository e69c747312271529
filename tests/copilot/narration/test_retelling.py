"""The answer in the language of the question: every template is there, no slot is lost, no number can be misread."""

from __future__ import annotations

import re
from string import Formatter
from typing import Any, get_args

import pytest

from copilot.answer import Answer, Headline, Table, TableColumn
from copilot.cash_answers import TEMPLATES as CASH
from copilot.cash_balance_answers import TEMPLATES as BALANCE
from copilot.cash_position_answers import TEMPLATES as POSITION
from copilot.composition import Turn
from copilot.narration.answer_language import LEADS, for_reader
from copilot.narration.grounding import Support, unsupported
from copilot.narration.prose import Direction, Figure, Name, Slots, Term, fill, joined
from copilot.narration.retelling import told
from copilot.narration.sentences import DIRECTIONS, LABELS, SENTENCES, WORDS, Translated
from copilot.narration.template_narrator import TEMPLATES
from copilot.planning.plan import ReasonCode
from copilot.scenario_answers import TEMPLATES as WHAT_IF
from copilot.wording.languages import LANGUAGES, Language, language_of, localised

TRANSLATED: tuple[Translated, ...] = get_args(Translated)
TOLD = {"": TEMPLATES, "cash ": CASH, "balance ": BALANCE, "position ": POSITION, "what if ": WHAT_IF}
EVERY = {f"{kind}{name}": text for kind, templates in TOLD.items() for name, text in templates.items()}
DIRECTION_WORDS = (
    "largest",
    "smallest",
    "highest",
    "lowest",
    "most",
    "up",
    "down",
    "unchanged",
    "above",
    "below",
    "higher",
    "lower",
)


def slots(template: str) -> list[str]:
    """The names of the slots, sorted."""
    return sorted(name for _text, name, _spec, _conversion in Formatter().parse(template) if name)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_template_is_there_with_the_same_slots(language: Translated) -> None:
    """Nothing that the English sentence says is missing in another language, and no translation is left over."""
    known = SENTENCES[language]
    assert set(known) == set(EVERY.values())
    for template in EVERY.values():
        assert slots(known[template]) == slots(template), template


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_holds_a_number(language: Translated) -> None:
    """Outside of its slots a template claims no figure."""
    for text in SENTENCES[language].values():
        bare = re.sub(r"\{[a-z]+\}", "", text)
        assert not any(piece.rule == "number" for piece in unsupported(bare, Support(frozenset())))


@pytest.mark.parametrize("language", TRANSLATED)
def test_words_of_direction_stay_apart(language: Translated) -> None:
    """Every direction word is there; the two ends and the two ways never share a word."""
    known = DIRECTIONS[language]
    assert set(known) == set(DIRECTION_WORDS)
    for one, other in (
        ("up", "down"),
        ("highest", "lowest"),
        ("largest", "smallest"),
        ("above", "below"),
        ("higher", "lower"),
    ):
        assert known[one] != known[other]
    assert set(WORDS[language]) == set(WORDS["de"])
    assert set(LABELS[language]) == set(LABELS["de"])


@pytest.mark.parametrize(
    ("text", "german", "french", "spanish"),
    [
        ("USD 12.4m", "USD 12.4\u00a0Mio", "USD 12.4\u00a0M", "USD 12.4\u00a0M"),
        ("USD 1.2bn", "USD 1.2\u00a0Mrd", "USD 1.2\u00a0Md", "USD 1.2\u00a0mil M"),
        ("USD 12,431,220.15", "USD 12\u202f431\u202f220.15", "USD 12\u202f431\u202f220.15", "USD 12\u202f431\u202f220.15"),
        ("47.3 days", "47.3 Tage", "47.3 jours", "47.3 días"),
        ("+0.4 percentage points", "+0.4 Prozentpunkte", "+0.4 points de pourcentage", "+0.4 puntos porcentuales"),
        ("on 5 Jun 2026", "5. Juni 2026", "5 juin 2026", "5 jun 2026"),
        ("21 to 27 Dec 2026", "21. bis 27. Dez. 2026", "21 au 27 déc. 2026", "21 al 27 dic 2026"),
        ("in Q3 2026 (Jul–Sep)", "Q3 2026 (Juli–Sept.)", "Q3 2026 (juil.–sept.)", "Q3 2026 (jul–sep)"),
    ],
)  # fmt: skip
def test_figures_and_dates_cannot_be_misread(text: str, german: str, french: str, spanish: str) -> None:
    """A point is decimal everywhere, thousands are spaced, months are words; the digits stay the same."""
    found = [localised(text, language) for language in LANGUAGES]
    assert found == [text, german, french, spanish]
    assert len({re.sub(r"[^\d.]", "", re.sub(r"(?<!\d)\.|\.(?!\d)", "", part.replace(",", ""))) for part in found}) == 1


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What's our DPO?", "en"),
        ("Wie hoch ist unser DPO?", "de"),
        ("DPO nach Region", "de"),
        ("Quel est notre DPO ?", "fr"),
        ("dépenses par catégorie", "fr"),
        ("¿Cuál es nuestro DPO?", "es"),
        ("DPO por región", "es"),
        ("DPO Q3?", None),
        ("spend with Müller Söhne KG", "en"),
        ("skonto captured by region", "en"),
    ],
)
def test_the_language_of_a_question(question: str, language: Language | None) -> None:
    """Told by its small words, not by names; one loan word does not turn an English question."""
    assert language_of(question) == language


def test_the_same_slots_in_other_words() -> None:
    """Names stay as they are, figures are localised once, sentences begin with a capital."""
    first = fill(
        TEMPLATES["flow"],
        {
            "label": Term("Spend"),
            "value": Figure("USD 1.2m", ""),
            "when": Figure("in Oct 2026", ""),
            "scope": joined(()),
        },
    )
    high: Slots = {
        "name": Name("“Jul Days 1,204 Ltd”"),
        "direction": Direction("highest", "largest"),
        "value": Figure("USD 1,204.00", ""),
    }
    second = fill(TEMPLATES["extremes"], {"lead": joined(()), **high})
    german = told(joined((first, second)), "de")
    assert german == "Ausgaben, Okt. 2026: USD 1.2\u00a0Mio. Höchster Wert: “Jul Days 1,204 Ltd” (USD 1\u202f204.00)"
    assert told(joined((first, second)), "en").startswith("Spend came to USD 1.2m in Oct 2026.")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_kind_of_answer_is_told(answers: Any, language: Translated, monkeypatch: pytest.MonkeyPatch) -> None:
    """No English sentence is left, and every number of the English text is in the other one."""
    english = answers.every()
    monkeypatch.setattr(Turn, "language", language)
    for before, after in zip(english, answers.every(), strict=True):
        assert after.headline == before.headline
        assert not re.search(r"\b(came|stood|that is|is the|it rests|accounts for)\b", after.narrative.lower())
        assert _numbers(after.narrative) == _numbers(before.narrative)


def _numbers(text: str) -> set[str]:
    plain = re.sub(r"“[^”]*”", "", text).replace("\u202f", "").replace(",", "")
    return {number.rstrip(".") for number in re.findall(r"\d[\d.]*", plain)}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_reason_has_its_sentence(language: Translated) -> None:
    """A refusal or question back begins in the reader's language, with no number, and keeps its details."""
    assert set(LEADS[language]) == set(get_args(ReasonCode))
    assert not any(any(c.isdigit() for c in text) for text in LEADS[language].values())
    refused = Answer(
        status="refused", reason="OUT_OF_SCOPE", question="?", reading="", plan={}, narrative="No such thing.",
        evidence_id="", thread="t", took_ms=0,
    )  # fmt: skip
    assert for_reader(refused, language).narrative == f"{LEADS[language]['OUT_OF_SCOPE']} No such thing."
    assert for_reader(refused, "en") == refused


def test_labels_and_headings_follow_the_language() -> None:
    """The figure's name and the columns are German, a label without a translation stays; cells stay as they were."""
    columns = tuple(
        TableColumn(name=label.lower(), label=label, role="dimension", unit="text")
        for label in ("Supplier", "Spend", "Xyzzy")
    )
    answer = Answer(
        status="answered", question="?", reading="", plan={}, narrative="", evidence_id="", thread="t", took_ms=0,
        headline=Headline(metric="spend", label="Spend", value=1, unit="money:USD", period="2026", as_of="2026-11-21"),
        table=Table(columns=columns, rows=(("Supplier", 1, "Spend"),), row_count=1, truncated=False),
    )  # fmt: skip
    told_in_german = for_reader(answer, "de")
    assert told_in_german.headline is not None
    assert told_in_german.headline.label == "Ausgaben"
    assert told_in_german.table is not None
    assert [column.label for column in told_in_german.table.columns] == ["Lieferant", "Ausgaben", "Xyzzy"]
    assert told_in_german.table.rows == (("Supplier", 1, "Spend"),)
