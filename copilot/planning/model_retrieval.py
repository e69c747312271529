"""Which texts are nearest to a question: TF-IDF over runs of three to five characters, in plain Python.

Runs of characters stand for words in any inflection and survive slips of the pen; no model and no package is needed.
Weights are 1 + log(count) times log((1 + N) / (1 + texts with it)) + 1, vectors of length one, likeness their product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log, sqrt

from copilot.planning.normalise import fold

RUNS = (3, 4, 5)


class Nearest:
    """A fixed set of texts by number, searched by likeness. Deterministic: equal likeness goes by number."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = [Counter(_runs(text)) for text in texts]
        found = Counter(run for runs in counted for run in runs)
        self._weight = {run: log((1 + len(texts)) / (1 + count)) + 1 for run, count in found.items()}
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for number, runs in enumerate(counted):
            for run, value in self._vector(runs).items():
                self._postings.setdefault(run, []).append((number, value))

    def nearest(self, text: str, most: int) -> tuple[int, ...]:
        """The numbers of the texts most like this one, the likest first; those with nothing in common are left out."""
        scores: dict[int, float] = {}
        for run, value in self._vector(Counter(_runs(text))).items():
            for number, other in self._postings.get(run, ()):
                scores[number] = scores.get(number, 0.0) + value * other
        return tuple(sorted(scores, key=lambda number: (-round(scores[number], 9), number))[:most])

    def _vector(self, runs: Mapping[str, int]) -> dict[str, float]:
        weighed = {run: (1 + log(count)) * self._weight[run] for run, count in runs.items() if run in self._weight}
        length = sqrt(sum(value * value for value in weighed.values()))
        return {run: value / length for run, value in weighed.items()} if length else {}


def _runs(text: str) -> Iterable[str]:
    for word in fold(text).split():
        padded = f" {word} "
        for size in RUNS:
            yield from (padded[at : at + size] for at in range(max(0, len(padded) - size + 1)))
