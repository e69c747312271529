"""One writer at a time: a lock file that the system releases by itself when the writer ends, however it ends."""

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sync.errors import MirrorBusyError

LOCK_FILE: Final = "writer.lock"


@contextlib.contextmanager
def only_writer(folder: Path, now: dt.datetime, name: str = LOCK_FILE) -> Iterator[None]:
    """Holds a lock of a work folder; raises MirrorBusyError that names the process which holds it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / name).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown process"
            raise MirrorBusyError(
                f"Another tenor-sync ({holder}) is writing into {folder}; wait until it ends, or stop it. "
                "To write another mirror at the same time, name another folder with --mirror.",
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {now.isoformat(timespec='seconds')}")
        file.flush()
        yield


def holder(folder: Path) -> str | None:
    """Who is writing now, in words; None when nobody is."""
    path = folder / LOCK_FILE
    if not path.exists():
        return None
    with path.open("r", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "unknown process"
    return None
