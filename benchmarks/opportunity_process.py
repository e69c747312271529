"""The order of events on a real log: how many ways of going, against what an independent count found.

    python -m benchmarks.opportunity_process FILE.xes.gz

Counts variants of a purchase-to-pay log (XES) with the product's own `variants_of`, and once more with nothing but a
set of tuples; the two must agree.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import iterparse

from copilot.opportunities.process_log import variants_of


def activities_of(path: Path) -> Iterator[tuple[str, ...]]:
    """The activities of each case, in the order of the log."""
    names: list[str] = []
    with gzip.open(path) as stream:
        for _, element in iterparse(stream, events=("end",)):  # noqa: S314 (as above)
            name = str(element.tag).rpartition("}")[2]
            if name == "event":
                names += [c.get("value", "") for c in element if c.get("key") == "concept:name"]
                element.clear()
            elif name == "trace":
                yield tuple(names)
                names = []
                element.clear()


def main(path: Path) -> int:
    """Print cases, variants, the share of the ten most frequent; 1 when both counts differ."""
    began = time.process_time()
    cases = list(activities_of(path))
    found = variants_of((case, Decimal(1)) for case in cases)
    ten = sum(variant.cases for variant in found[:10]) / max(1, len(cases))
    print(f"{len(cases):,} cases, {len(found):,} variants; the ten most frequent are {ten:.1%} of cases")
    print(f"independent count: {len(set(cases)):,}; {time.process_time() - began:.1f} s")
    return 0 if len(set(cases)) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
