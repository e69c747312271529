"""The drop folder: files that others put there are loaded at each sync; they are never moved, renamed or deleted.

Which feed a file belongs to is said by, in this order: a line of `feeds.toml` in the folder, the name of the subfolder
it lies in, or the beginning of its own name (`erp_totals-2026-10.csv`). Files are loaded feed by feed, the older
first, so that of two that disagree the one written later stands.
"""

import datetime as dt
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync.errors import FeedError, RefusedFileError
from sync.feeds.declarations import FEEDS, Feed
from sync.feeds.drafts import Notation, Reading
from sync.feeds.loading import FeedFile, FeedLoad, feed_named, load
from sync.mirror import Mirror

DECLARATIONS: Final = "feeds.toml"
_IGNORED: Final = (".*", "*.tmp", "*.part", "*.partial", "*~", DECLARATIONS, "README*")


class FileRule(BaseModel):
    """One `[[file]]` of feeds.toml: which files it speaks of, and how they are to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pattern: str
    feed: str | None = None
    format: str | None = None
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    date_format: str = "%Y-%m-%d"
    columns: dict[str, str] = Field(default_factory=dict)

    @property
    def reading(self) -> Reading:
        """How the files are to be read."""
        notation = Notation(self.decimal, self.thousands, self.date_format)
        return Reading(self.encoding, self.delimiter, notation, self.columns)


class _Rules(BaseModel):
    """The content of feeds.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: tuple[FileRule, ...] = ()


@dataclass(frozen=True)
class _Found:
    """A file in the folder, the feed it belongs to, and the rule that speaks of it."""

    path: Path
    feed: Feed
    rule: FileRule | None


def load_folder(mirror: Mirror, folder: Path, now: dt.datetime, today: dt.date) -> tuple[FeedLoad, ...]:
    """Loads what is new in the folder; whatever is wrong with it is an outcome, so that a sync goes on.

    Only files that did something, or were refused, are told; files loaded before are passed over in silence.
    """
    try:
        found = list(_files(folder, _rules(folder)))
        ours = [(file.path.stat().st_mtime_ns, file) for file in found if isinstance(file, _Found)]
    except (FeedError, OSError) as error:
        return (_not_read(str(folder), f"the folder is not read: {error}", now),)
    ours.sort(key=lambda dated: (FEEDS.index(dated[1].feed), dated[0], dated[1].path.name))
    loads = [_load(mirror, folder, file, now, today) for _, file in ours]
    strays = [_not_read(path.name, _stray(path), now) for path in found if isinstance(path, Path)]
    return (*(done for done in loads if not done.known or done.new), *strays)


def _load(mirror: Mirror, folder: Path, file: _Found, now: dt.datetime, today: dt.date) -> FeedLoad:
    reading = file.rule.reading if file.rule else Reading()
    try:
        content = FeedFile.at(file.path, reading, file.rule.format if file.rule else None)
    except (RefusedFileError, OSError) as error:
        return _not_read(file.path.name, str(error), now)
    name = file.path.relative_to(folder).as_posix()
    return load(mirror, file.feed, FeedFile(name, content.content, reading, content.format), now, today)


def _rules(folder: Path) -> tuple[FileRule, ...]:
    """What feeds.toml declares; raises FeedError that names what cannot be used."""
    path = folder / DECLARATIONS
    if not path.is_file():
        return ()
    try:
        rules = _Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).file
        for rule in rules:
            if rule.feed is not None:
                feed_named(rule.feed)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise FeedError(f"{DECLARATIONS}: {place}: {problem['msg']}; see docs/feeds.md") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FeedError(f"{DECLARATIONS} is not TOML: {error}") from None
    return rules


def _files(folder: Path, rules: tuple[FileRule, ...]) -> Iterator[_Found | Path]:
    """Every file of the folder and its subfolders with its feed; one that belongs to none as it is.

    Raises OSError when the folder is not there.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder; make it, or correct TENOR_FEEDS")
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or any(fnmatchcase(part, ignored) for part in inside.parts for ignored in _IGNORED):
            continue
        rule = next((rule for rule in rules if fnmatchcase(inside.as_posix(), rule.pattern)), None)
        feed = feed_named(rule.feed) if rule and rule.feed else _feed_by_name(inside)
        yield _Found(path, feed, rule) if feed else path


def _feed_by_name(inside: Path) -> Feed | None:
    """The feed that a subfolder or the beginning of a file's name says."""
    for name in (*reversed(inside.parts[:-1]), inside.name):
        folded = name.lower().replace("-", "_").replace(" ", "_")
        for feed in FEEDS:
            if folded.startswith(feed.name):
                return feed
    return None


def _stray(path: Path) -> str:
    names = ", ".join(feed.name for feed in FEEDS)
    return f"belongs to no feed: begin the name of {path.name!r} or of its subfolder with one of {names}"


def _not_read(name: str, problem: str, now: dt.datetime) -> FeedLoad:
    return FeedLoad("-", name, "", now, problem=problem)
