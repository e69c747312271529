"""Little words of other languages: exchanged as a whole, with their place, and never one that the model has a meaning for."""

from __future__ import annotations

import pytest

from copilot.planning.normalise import fold, tokens
from copilot.planning.other_languages import PHRASES
from semantic_layer.layer import shipped_model


def test_a_phrase_is_exchanged_with_its_place() -> None:
    """Both English words stand for all that was typed."""
    found = tokens("Wie viele Rechnungen")
    assert [token.text for token in found] == ["how", "many", "rechnungen"]
    assert {(token.start, token.end) for token in found[:2]} == {(0, 9)}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("dépenses cette année", "depenses this year"),
        ("gasto el trimestre pasado", "gasto el last quarter"),
        ("spend in Sept", "spend in sept"),
        ("les dix plus gros", "les ten largest"),
    ],
)
def test_words_around_stay(said: str, meant: str) -> None:
    """Nothing else is touched: September is no seven."""
    assert " ".join(token.text for token in tokens(said)) == meant


def test_no_phrase_hides_a_name_of_the_model() -> None:
    """Whoever says the synonym of a figure, dimension or value means it."""
    model = shipped_model()
    names = [name for metric in model.metrics.values() for name in (metric.label, *metric.synonyms)]
    for dimension in model.dimensions.values():
        names += [dimension.label, *dimension.synonyms]
        names += [name for value in dimension.values for name in (value.value, *value.synonyms)]
    known = {tuple(fold(name).split()) for name in names}
    assert not known & set(PHRASES)
