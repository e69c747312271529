"""Everything that can go wrong in the semantic layer, grouped by who can put it right.

SemanticLayerError
├── DefinitionError            the author of a YAML file
├── QueryError                 the person who asks; carries a reason code and choices
│   ├── UnknownNameError           no such metric, dimension or value
│   ├── IllegalGroupingError       the grouping would count money twice
│   ├── MixedCurrencyError         a sum over several currencies without a rate policy
│   ├── NoDataError                the mirror does not reach that far
│   ├── LowCoverageError           whoever fills in the dates that too much of the money lacks
│   ├── MissingFeedError           whoever loads the feed that the figure needs
│   └── NotPermittedError          the asker may not see that field
├── CompilationError           us: a legal query that we failed to turn into SQL
├── GuardError                 the author of hand-written SQL
└── ExecutionError             the engine
    ├── MirrorMissingError         run a sync first
    ├── MirrorKeyError             whoever sets the encryption key
    ├── TimeLimitError             ask for less
    └── TooLargeError              ask for less: the engine expects too many rows
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal


def did_you_mean(name: str, choices: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The choices nearest to a misspelt name, best first, at most `limit`."""
    from rapidfuzz import process  # noqa: PLC0415 - a tenth of the start of a process, for what may never be needed

    found = process.extract(name.lower(), list(choices), limit=limit, score_cutoff=60)
    return tuple(match for match, _score, _index in found)


class SemanticLayerError(Exception):
    """Base of all errors raised by this package."""


class DefinitionError(SemanticLayerError):
    """A model or metric file is wrong; the message names the file and the entry."""


class QueryError(SemanticLayerError):
    """The question cannot be computed as asked; `reason` is a code of the closed list, `choices` are ways out."""

    reason = "UNKNOWN_METRIC"

    def __init__(self, message: str, *, reason: str | None = None, choices: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reason = reason or type(self).reason
        self.choices = tuple(choices)


class UnknownNameError(QueryError):
    """A metric, dimension or value that does not exist."""

    @classmethod
    def of(cls, kind: str, name: str, choices: Iterable[str], reason: str = "UNKNOWN_METRIC") -> UnknownNameError:
        """The error for `name`, with the nearest known names as choices."""
        known = sorted(choices)
        near = did_you_mean(name, known)
        hint = f" Did you mean {', '.join(near)}?" if near else f" Known: {', '.join(known[:12])}."
        return cls(f"There is no {kind} {name!r}.{hint}", reason=reason, choices=near or tuple(known[:5]))


class IllegalGroupingError(QueryError):
    """The grouping or filter sits on the many side, so the figure would be counted more than once."""

    reason = "ILLEGAL_GROUPING"


class MixedCurrencyError(QueryError):
    """Amounts of several currencies cannot be added without a rate."""

    reason = "MIXED_CURRENCY"


class NoDataError(QueryError):
    """The mirror holds nothing for that date or period."""

    reason = "NO_SNAPSHOT"


class LowCoverageError(QueryError):
    """Too little of the money has what the figure needs, so the figure is withheld.

    `share` of the money has it (0 to 1), `at_least` is what the figure asks for, `missing` are the records that lack
    most of it, the largest first, with their amounts in the currency of the answer; `records` is how many there are.
    """

    reason = "MISSING_INPUT"

    def __init__(
        self,
        label: str,
        fix: str,
        share: Decimal,
        at_least: Decimal,
        missing: Sequence[tuple[str, Decimal]],
        records: int,
    ) -> None:
        named = ", ".join(f"{record} ({amount:,.2f})" for record, amount in missing[:5])
        more = f" and {records - 5:,} more" if records > 5 else ""
        super().__init__(
            f"{label} is withheld: {share * 100:.1f} % of the money has {fix}, and it takes {at_least * 100:.0f} %. "
            f"To fill in: {named}{more}."
        )
        self.share, self.at_least, self.missing, self.records = share, at_least, tuple(missing), records


class MissingFeedError(QueryError):
    """The figure needs totals that no feed has brought; `choices` are the nearest figures."""

    reason = "NEEDS_EXTERNAL_DATA"

    @classmethod
    def of(cls, label: str, words: str, feed: str, nearest: Sequence[str], labels: Sequence[str]) -> MissingFeedError:
        """The error for a figure: what it needs, how to bring it, the names and the labels of what is nearest."""
        near = f" The nearest figure we have: {' or '.join(labels)}." if labels else ""
        return cls(f"{label} needs {words}: load the feed `{feed}` with `tenor-sync feed load`.{near}", choices=nearest)


class NotPermittedError(QueryError):
    """The asker may not see a field, or the figure cannot be limited to the rows they may see."""

    reason = "NOT_PERMITTED"

    @classmethod
    def of(cls, field: str) -> NotPermittedError:
        """The error for a hidden field."""
        return cls(f"You may not see, filter or sort by {field.replace('_', ' ')}. Ask the owner of the policy.")


class CompilationError(SemanticLayerError):
    """A legal query that the compiler could not handle: our fault."""


class GuardError(SemanticLayerError):
    """SQL that the guard refuses; the message names the construct and the rule."""


class ExecutionError(SemanticLayerError):
    """The engine failed to run a statement."""


class MirrorMissingError(ExecutionError):
    """There is no published mirror where one was expected."""


class MirrorKeyError(ExecutionError):
    """The encryption key at hand does not open the mirror."""


class TimeLimitError(ExecutionError):
    """A statement ran past its time limit and was interrupted."""


class TooLargeError(ExecutionError):
    """A statement that the engine expects to make too many rows; it was not run."""
