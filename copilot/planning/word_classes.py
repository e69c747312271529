"""The small closed classes of words that steer a reading.

Content words are never in here: they come from the semantic model.
"""

from __future__ import annotations

from copilot.planning.normalise import stem


def _stems(words: str) -> frozenset[str]:
    return frozenset(words.split()) | frozenset(stem(word) for word in words.split())


STOP_WORDS = _stems(
    # articles, pronouns, auxiliaries
    "a an the our ours we us my me i you your they them their its it is are was were be been being am do "
    "does did has have had "
    "can could would should shall might to for in on at with from into onto about and or but so then as "
    "that this these those there here "
    # question words and politeness
    "what which who whose how much many show give tell list get see want need know let please thanks "
    "thank kindly hey hi hello dear morning afternoon evening already via folks team guys asap btw fyi cheers sorry "
    "look looking like also too just still really actually exactly quick quickly maybe roughly "
    "approximately currently now right presently "
    "moment sofar data report view analysis figure figures number numbers value values amount amounts "
    "total totals overall altogether "
    "one ones company firm business whole entire end-to-end us's of all any each every only both per-se "
    "please ok okay well "
    "display calculate compute provide pull return fetch find check curious wondering wonder question answer "
    "go goes going got when where if while during within been having doing done again level levels position "
    "chart graph plot table lines bars excel csv slide dashboard "
    "yet sql using use used using ballpark roughly approx among currently stand stands standing sit sits sitting run runs running looks looked kind sort"
    # German and French glue
    "  der die das den dem des und oder ist sind war waren unser unsere unseren unserer fuer fur im am mit von "
    "vom zu zum zur bei beim wie hoch viel bitte zeig etait etaient "
    "zeige mir wir haben hat welche welcher welches le la les l et ou est sont notre nos quel quelle "
    "quels quelles combien de du en avec pour "
    "montre moi avons nous a wieviel nur noch sind es an auf aus um gibt wurde wurden hatten worden einen eine ein uns "
    "far anything something everything everyone anyone anybody single um uh ly est-ce que qu sur dans nos ont"
    # Spanish glue
    " el los las del al y o es son era eran fue fueron nuestro nuestra nuestros nuestras cual cuales cuanto cuanta cuantos cuantas que para con "
    "muestra muestrame dame hay tenemos"
)
"""Words that carry no condition.

Bounds, negations, statistics ("average") and verbs of paying are not among them on purpose.
"""

DOCUMENT_NOUNS = _stems(
    "invoice invoices bill bills document documents rechnung rechnungen facture factures factura facturas"
)
"""What every figure is made of: they add nothing beside a metric."""

NEGATIONS = _stems(
    "not no non without excluding exclude excludes except minus drop omit outside ohne ausser sans sauf "
    "hors nicht kein keine keinen keiner sin excepto isn't aren't"
)
ADDITIONS = _stems("including include includes incl plus with")
CONJUNCTIONS = frozenset({"and", "or", "und", "oder", "et", "ou", "nor", "but"})
GROUPERS = _stems("by per across each every nach pro par por je split broken grouped breakdown")
COMPARERS = _stems("vs against compared compare comparing relative gegenuber contre")
CHANGE_WORDS = _stems(
    "change changes changed delta difference growth grow grown increase increased decrease decreased movement moved move moves evolve evolved"
)
OVER = _stems("over above exceeding exceed exceeds > beyond uber ueber")
UNDER = _stems("under below < unter")
COMPARATIVE_UP = _stems(
    "more greater higher larger bigger longer older mehr grosser groesser hoher hoeher langer laenger"
)
COMPARATIVE_DOWN = _stems("less lower smaller fewer shorter younger weniger kleiner niedriger geringer")
TOP_WORDS = _stems(
    "top biggest largest highest greatest most main major key longest slowest oldest grossten groessten grosste groesste hochsten hoechsten"
)
BOTTOM_WORDS = _stems("bottom smallest lowest least fewest shortest fastest kleinsten")
BEST_WORDS = _stems("best worst")
RANKING = TOP_WORDS | BOTTOM_WORDS | BEST_WORDS
SORT_WORDS = _stems("rank ranked ranking sort sorted order ordered")
TREND_WORDS = _stems(
    "trend trends trending evolution development developing developed history historical timeline verlauf "
    "entwicklung tendance"
)
DRIFT_WORDS = _stems(
    "getting faster slower better worse improving improve improved rising falling growing deteriorating"
)
SHARE_WORDS = _stems("share shares percentage percent proportion portion fraction anteil % pourcentage")
DEFINE_WORDS = _stems(
    "define definition definitions calculated computed formula meaning mean means explain defined definiert definition"
)
FORECAST_WORDS = _stems(
    "projected projection projections project forecast forecasts forecasted forecasting outlook expected "
    "predicted prediction predict land estimate estimated trajectory prognose"
)
TARGET_WORDS = _stems("target goal benchmark budget plan ziel")
TARGET_NAMES = _stems("target goal ziel")
SCENARIO_WORDS = _stems("if happen happens suppose assume assuming simulate scenario combine combined whatif")
SUBJECT_LINKS = frozenset({"with", "whose", "where", "having", "have", "has", "had", "that", "mit"})

CLOSED_CLASSES = (
    STOP_WORDS | DOCUMENT_NOUNS | NEGATIONS | ADDITIONS | CONJUNCTIONS | GROUPERS | COMPARERS | CHANGE_WORDS | OVER | UNDER
    | COMPARATIVE_UP | COMPARATIVE_DOWN | TOP_WORDS | BOTTOM_WORDS | BEST_WORDS | SORT_WORDS | TREND_WORDS | DRIFT_WORDS
    | SHARE_WORDS | DEFINE_WORDS | FORECAST_WORDS | TARGET_WORDS | SUBJECT_LINKS | SCENARIO_WORDS
)  # fmt: skip
