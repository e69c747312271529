"""Feeds inside a sync: the drop folder, and addresses that are to be fetched each time.

Nothing here stops a sync: what goes wrong with a feed is told at its end, and Coupa's records are published all the
same.
"""

import datetime as dt
from typing import Final

from sync.errors import FeedError, RetriableSyncError
from sync.feeds.declarations import SUPPLIER_RISK
from sync.feeds.fetching import DAYS_BACK, addresses_of, fetch
from sync.feeds.folder import load_folder
from sync.feeds.loading import FeedFile, FeedLoad, feed_named, load
from sync.mirror import Mirror
from sync.settings import Settings

_RISK_TABLE: Final = "supplier_risk_scores"
_RISK_RECORDS: Final = 20_000  # in one load, so that none outgrows the largest file


def load_feeds(mirror: Mirror, settings: Settings, now: dt.datetime) -> tuple[FeedLoad, ...]:
    """Loads what the settings name; gives what happened, in order."""
    today = now.astimezone(settings.zone).date()
    folder = load_folder(mirror, settings.feeds, now, today) if settings.feeds is not None else ()
    fetched = [done for name in settings.fetch.split() for done in fetch_feed(mirror, settings, name, now)]
    return (*_coupas_own(mirror, now, today), *folder, *fetched)


def _coupas_own(mirror: Mirror, now: dt.datetime, today: dt.date) -> tuple[FeedLoad, ...]:
    """Scores that the company has loaded into Coupa, once they are mirrored: brought into the columns of the others."""
    if not mirror.query("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [_RISK_TABLE]):
        return ()
    records = [str(raw) for (raw,) in mirror.query(f"SELECT raw FROM {_RISK_TABLE} WHERE raw IS NOT NULL ORDER BY id")]  # noqa: S608 - the name is ours
    loads = []
    for number, place in enumerate(range(0, len(records), _RISK_RECORDS), start=1):
        content = f"[{','.join(records[place : place + _RISK_RECORDS])}]".encode()
        file = FeedFile(f"Coupa supplier_risk_aware_feed {number}", content, format="coupa-risk-json")
        loads.append(load(mirror, SUPPLIER_RISK, file, now, today))
    return tuple(done for done in loads if not done.known or done.new)


def fetch_feed(
    mirror: Mirror, settings: Settings, name: str, now: dt.datetime, since: dt.date | None = None
) -> tuple[FeedLoad, ...]:
    """Fetches a feed and loads it; an address that cannot be read is an outcome like a refused file."""
    today = now.astimezone(settings.zone).date()
    done = []
    try:
        for address in addresses_of(name):
            done += _fetch_one(mirror, settings, address.name, now, since or today - dt.timedelta(days=DAYS_BACK))
    except FeedError as error:
        done.append(FeedLoad(name, name, "", now, problem=str(error)))
    return tuple(done)


def _fetch_one(mirror: Mirror, settings: Settings, name: str, now: dt.datetime, since: dt.date) -> list[FeedLoad]:
    today = now.astimezone(settings.zone).date()
    (address,) = addresses_of(name)
    try:
        files = fetch(address, since, today, instead=settings.market_url, timeout=settings.timeout_seconds)
        return [load(mirror, feed_named(address.feed), file, now, today) for file in files]
    except (FeedError, RetriableSyncError) as error:
        return [FeedLoad(address.feed, address.name, "", now, problem=str(error))]


def told(loads: tuple[FeedLoad, ...]) -> tuple[str, ...]:
    """What happened, in few sentences: one per feed, and one per file of which something was set aside or refused."""
    sentences = []
    for name in dict.fromkeys(done.feed for done in loads if done.problem is None):
        group = [done for done in loads if done.feed == name and done.problem is None]
        new, changed = sum(done.new for done in group), sum(done.changed for done in group)
        files = f"{len(group)} file{_s(len(group))}"
        sentences.append(f"feed {name}: {files}, {new:,} row{_s(new)} new, {changed:,} corrected")
    return (*sentences, *(str(done) for done in loads if done.problem is not None or done.faults))


def _s(count: int) -> str:
    """The ending of a plural."""
    return "" if count == 1 else "s"
