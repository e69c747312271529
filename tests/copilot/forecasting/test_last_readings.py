from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from copilot.forecasting.last_readings import KEPT, LastReadings
from copilot.forecasting.record_reading import FixedRows, Rows
from semantic_layer import SemanticLayer
from semantic_layer.query import Filter
from semantic_layer.viewer import Viewer

GOODS = (Filter(field="currency", op="=", values=("USD",)),)


class Counted:
    """Reads a number that goes up each time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, layer: Rows, filters: tuple[Filter, ...]) -> int:
        """The how-manieth reading this is."""
        del layer, filters
        self.times += 1
        return self.times


def test_what_was_read_last_is_kept_for_the_same_layer_viewer_and_filters(mirror_folder: Path) -> None:
    """Another filter, another viewer and another layer over the same data are read for themselves."""
    layer, other = SemanticLayer.load(mirror_folder), SemanticLayer.load(mirror_folder)
    read = LastReadings(Counted())
    assert (read(layer), read(layer)) == (1, 1)
    assert read(layer, GOODS) == 2
    assert read(layer.seen_by(Viewer(rows=GOODS))) == 3
    assert read(other) == 4
    assert read(layer) == 5  # only the last KEPT are held
    assert len(read.kept) == KEPT


def test_a_double_is_read_each_time() -> None:
    """What is no semantic layer has no version to go by."""
    read = LastReadings(Counted())
    rows = FixedRows(date(2026, 11, 21), {}, None)  # type: ignore[arg-type]  # nothing is queried
    assert (read(rows), read(rows)) == (1, 2)


def test_a_reading_that_fails_is_not_kept(mirror_folder: Path) -> None:
    """The next one reads again."""

    def fails(layer: Rows, filters: tuple[Filter, ...]) -> int:
        raise ValueError(layer.data_date, filters)

    read = LastReadings(fails)
    layer = SemanticLayer.load(mirror_folder)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"2026"):
            read(layer)
    assert read.kept == []
