from pathlib import Path
from typing import Any

import pytest

from sync.errors import MirrorBusyError
from sync.writer_lock import LOCK_FILE, holder, only_writer


def test_a_second_writer_is_told_who_writes(tmp_path: Path, kit: Any) -> None:
    """Process and time are named, and the way out."""
    with only_writer(tmp_path, kit.now):
        with (
            pytest.raises(
                MirrorBusyError, match=r"\(process \d+, since 2026-11-22T05:00:00\+00:00\) is writing .*--mirror"
            ),
            only_writer(tmp_path, kit.now),
        ):
            raise AssertionError("two writers")
        assert "process" in (holder(tmp_path) or "")
    assert holder(tmp_path) is None


def test_a_lock_left_by_a_dead_writer_does_not_hold(tmp_path: Path, kit: Any) -> None:
    """The file may stay; the lock is the system's."""
    (tmp_path / LOCK_FILE).write_text("process 1, since long ago", encoding="utf-8")

    with only_writer(tmp_path, kit.now):
        assert holder(tmp_path) != "process 1, since long ago"


def test_nobody_writes_where_nobody_wrote(tmp_path: Path) -> None:
    """No lock file, no holder."""
    assert holder(tmp_path) is None
