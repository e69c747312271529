"""What stands around the text of an answer, in the reader's language: labels, headings, and why there is no figure.

The details of a refusal name figures, values and commands as the catalogue has them, in English; a sentence in the
reader's language stands before them and says what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copilot.answer import Answer
from copilot.narration.retelling import label_in
from copilot.narration.sentences import Translated
from copilot.planning.plan import ReasonCode
from copilot.wording.dates_in_words import dates_in_words
from copilot.wording.languages import Language

LEADS: Mapping[Translated, Mapping[ReasonCode, str]] = {
    "de": {
        "UNKNOWN_METRIC": "Diese Kennzahl kenne ich nicht.",
        "UNKNOWN_VALUE": "Diesen Namen oder Wert finde ich in den Daten nicht.",
        "AMBIGUOUS_METRIC": "Die Frage passt auf mehrere Kennzahlen; welche ist gemeint?",
        "AMBIGUOUS_VALUE": "Der Name passt auf mehrere Werte; welcher ist gemeint?",
        "AMBIGUOUS_TIME": "Der Zeitraum kann mehreres bedeuten; welcher ist gemeint?",
        "ILLEGAL_GROUPING": "So lässt sich diese Kennzahl nicht aufteilen.",
        "MIXED_CURRENCY": "Beträge in mehreren Währungen lassen sich nicht zusammenzählen.",
        "NO_SNAPSHOT": "Für diesen Stichtag liegt kein Stand der Daten vor.",
        "STALE_DATA": "Die Daten sind dafür zu alt.",
        "MISSING_INPUT": "Dafür fehlt eine Angabe.",
        "NOT_PERMITTED": "Das darf ich hier nicht zeigen.",
        "OUT_OF_SCOPE": "Das kann ich nicht beantworten.",
        "TOO_LARGE": "Die Anfrage ist zu groß.",
        "UNMAPPED_WORDS": "Einen Teil der Frage verstehe ich nicht und gebe deshalb keine Zahl.",
        "NEEDS_APPROVAL": "Das ist eine Handlung: Ich bereite sie vor, führe sie aber nicht aus.",
        "NEEDS_EXTERNAL_DATA": "Dafür fehlen Daten, die nicht aus Coupa kommen.",
        "LEGAL_LIMIT": "Dem steht eine gesetzliche Grenze entgegen.",
    },
    "fr": {
        "UNKNOWN_METRIC": "Je ne connais pas cet indicateur.",
        "UNKNOWN_VALUE": "Je ne trouve pas ce nom ou cette valeur dans les données.",
        "AMBIGUOUS_METRIC": "La question convient à plusieurs indicateurs ; lequel voulez-vous ?",
        "AMBIGUOUS_VALUE": "Le nom convient à plusieurs valeurs ; laquelle voulez-vous ?",
        "AMBIGUOUS_TIME": "La période peut se comprendre de plusieurs façons ; laquelle voulez-vous ?",
        "ILLEGAL_GROUPING": "Cet indicateur ne peut pas être ventilé ainsi.",
        "MIXED_CURRENCY": "Des montants en plusieurs devises ne s'additionnent pas.",
        "NO_SNAPSHOT": "Il n'y a pas d'état des données à cette date.",
        "STALE_DATA": "Les données sont trop anciennes pour cela.",
        "MISSING_INPUT": "Il manque une donnée pour répondre.",
        "NOT_PERMITTED": "Je ne peux pas montrer cela ici.",
        "OUT_OF_SCOPE": "Je ne peux pas répondre à cela.",
        "TOO_LARGE": "La demande est trop grande.",
        "UNMAPPED_WORDS": "Je ne comprends pas une partie de la question et ne donne donc aucun chiffre.",
        "NEEDS_APPROVAL": "C'est une action : je la prépare, mais je ne l'exécute pas.",
        "NEEDS_EXTERNAL_DATA": "Il faut pour cela des données qui ne viennent pas de Coupa.",
        "LEGAL_LIMIT": "Une limite légale s'y oppose.",
    },
    "es": {
        "UNKNOWN_METRIC": "No conozco este indicador.",
        "UNKNOWN_VALUE": "No encuentro este nombre o valor en los datos.",
        "AMBIGUOUS_METRIC": "La pregunta encaja con varios indicadores; ¿cuál quiere?",
        "AMBIGUOUS_VALUE": "El nombre encaja con varios valores; ¿cuál quiere?",
        "AMBIGUOUS_TIME": "El período puede entenderse de varias maneras; ¿cuál quiere?",
        "ILLEGAL_GROUPING": "Este indicador no se puede desglosar así.",
        "MIXED_CURRENCY": "No se pueden sumar importes en varias monedas.",
        "NO_SNAPSHOT": "No hay un estado de los datos en esa fecha.",
        "STALE_DATA": "Los datos son demasiado antiguos para eso.",
        "MISSING_INPUT": "Falta un dato para responder.",
        "NOT_PERMITTED": "No puedo mostrar eso aquí.",
        "OUT_OF_SCOPE": "No puedo responder a eso.",
        "TOO_LARGE": "La consulta es demasiado grande.",
        "UNMAPPED_WORDS": "No entiendo una parte de la pregunta y por eso no doy ninguna cifra.",
        "NEEDS_APPROVAL": "Eso es una acción: la preparo, pero no la ejecuto.",
        "NEEDS_EXTERNAL_DATA": "Para eso hacen falta datos que no vienen de Coupa.",
        "LEGAL_LIMIT": "Lo impide un límite legal.",
    },
}
"""What happened, for each reason."""


def for_reader(answer: Answer, language: Language) -> Answer:
    """The answer with dates of its notes in words, and its labels and headings in a language.

    What has no translation stays English.
    """
    changed: dict[str, Any] = {"caveats": tuple(dates_in_words(note) for note in answer.caveats)}
    if language == "en":
        return answer.model_copy(update=changed)
    if answer.status != "answered" and answer.reason is not None:
        changed["narrative"] = f"{LEADS[language][answer.reason]} {answer.narrative}"
    if answer.headline is not None:
        label = label_in(answer.headline.label, language)
        changed["headline"] = answer.headline.model_copy(update={"label": label})
    if answer.table is not None:
        columns = tuple(
            column.model_copy(update={"label": label_in(column.label, language)}) for column in answer.table.columns
        )
        changed["table"] = answer.table.model_copy(update={"columns": columns})
    return answer.model_copy(update=changed)
