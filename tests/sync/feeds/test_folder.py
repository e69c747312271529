import datetime as dt
import os
from pathlib import Path

from sync.feeds.at_sync import load_feeds, told
from sync.feeds.folder import load_folder
from sync.feeds.loading import FeedLoad
from sync.mirror import Mirror
from sync.settings import Settings

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
ERP = "entity,period_month,account_class,currency,amount\nA,2026-10,cogs,USD,{}\n"


def put(folder: Path, name: str, text: str, minute: int = 0) -> Path:
    """Writes a file as if at that minute."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_780_000_000 + 60 * minute,) * 2)
    return path


def loaded(mirror: Mirror, folder: Path) -> tuple[FeedLoad, ...]:
    """One pass over the folder."""
    return load_folder(mirror, folder, NOW, TODAY)


def test_files_find_their_feed_by_name_subfolder_or_declaration(mirror: Mirror, tmp_path: Path) -> None:
    """And are loaded in an order in which what others need comes first."""
    folder = tmp_path / "feeds"
    put(folder, "erp-totals 2026-10.csv", ERP.format(1))
    put(
        folder,
        "cash_positions/STMT0001.txt",
        ":20:X\n:25:ACC1\n:28C:1/1\n:60F:C261119EUR1,\n:62F:C261119EUR1,\n",
    )
    put(folder, "bank_accounts.csv", "account,entity,currency,valid_from\nACC1,A,EUR,2020-01-01\n", minute=9)
    put(folder, "export.csv", "Land;curve;currency;quote_date;tenor;Wert\nDE;X;EUR;20.11.2026;P1M;1,5\n")
    put(
        folder,
        "feeds.toml",
        '[[file]]\npattern = "export*.csv"\nfeed = "market_yields"\ndecimal = ","\ndate_format = "%d.%m.%Y"\n'
        'columns = { Wert = "yield_percent" }\n',
    )

    done = loaded(mirror, folder)

    assert [(load.feed, load.source_file, load.new, load.problem) for load in done] == [
        ("bank_accounts", "bank_accounts.csv", 1, None),
        ("cash_positions", "cash_positions/STMT0001.txt", 2, None),
        ("market_yields", "export.csv", 1, None),
        ("erp_totals", "erp-totals 2026-10.csv", 1, None),
    ]


def test_nothing_is_moved_and_a_second_pass_does_nothing(mirror: Mirror, tmp_path: Path) -> None:
    """Files are remembered by what is in them."""
    path = put(tmp_path / "feeds", "erp_totals.csv", ERP.format(1))
    loaded(mirror, tmp_path / "feeds")

    assert loaded(mirror, tmp_path / "feeds") == ()
    assert path.exists()


def test_of_two_that_disagree_the_one_written_later_stands(mirror: Mirror, tmp_path: Path) -> None:
    """Whatever their names are; and so it stays at the next pass."""
    put(tmp_path / "feeds", "erp_totals.csv", ERP.format(1), minute=1)
    put(tmp_path / "feeds", "erp_totals-corrected.csv", ERP.format(2), minute=2)

    for _ in range(2):
        loaded(mirror, tmp_path / "feeds")
        assert mirror.query("SELECT amount FROM feed_erp_totals") == [(2,)]


def test_a_file_corrected_in_place_is_loaded_again(mirror: Mirror, tmp_path: Path) -> None:
    """Its content is another one."""
    put(tmp_path / "feeds", "erp_totals.csv", ERP.format(1))
    loaded(mirror, tmp_path / "feeds")
    put(tmp_path / "feeds", "erp_totals.csv", ERP.format(3), minute=1)

    (done,) = loaded(mirror, tmp_path / "feeds")

    assert done.changed == 1


def test_strays_and_unfinished_files(mirror: Mirror, tmp_path: Path) -> None:
    """A file of no feed is told; what is being written, hidden or a note to people is passed over."""
    for name in ("notes.csv", ".hidden.csv", "erp_totals.csv.part", "README.md", "erp_totals.tmp"):
        put(tmp_path / "feeds", name, ERP.format(1))

    done = loaded(mirror, tmp_path / "feeds")

    assert [load.source_file for load in done] == ["notes.csv"]
    assert "belongs to no feed" in str(done[0].problem)


def test_trouble_with_the_folder_is_told_and_does_not_stop_a_sync(mirror: Mirror, tmp_path: Path) -> None:
    """No folder, and declarations that cannot be used."""
    (missing,) = loaded(mirror, tmp_path / "nowhere")
    assert "is not a folder" in str(missing.problem)
    for text, reason in (
        ("not toml [", "is not TOML"),
        ('[[file]]\npattern = "*"\nfed = "x"\n', "file.0.fed"),
        ('[[file]]\npattern = "*"\nfeed = "x"\n', "no feed 'x'"),
        ('[[file]]\npattern = "*"\ndecimal = ";"\n', "file.0.decimal"),
    ):
        put(tmp_path / "feeds", "feeds.toml", text)
        (broken,) = loaded(mirror, tmp_path / "feeds")
        assert reason in str(broken.problem)


def test_a_sync_tells_in_few_sentences(mirror: Mirror, tmp_path: Path) -> None:
    """One per feed, one per file with trouble."""
    put(tmp_path / "feeds", "erp_totals-1.csv", ERP.format(1))
    put(tmp_path / "feeds", "erp_totals-2.csv", ERP.format("oops"), minute=1)
    put(tmp_path / "feeds", "erp_totals-3.csv", "", minute=2)
    settings = Settings(_env_file=None, feeds=tmp_path / "feeds")

    sentences = told(load_feeds(mirror, settings, NOW))

    assert sentences == (
        "feed erp_totals: 2 files, 1 row new, 0 corrected",
        "feed erp_totals: erp_totals-2.csv: 0 new, 0 corrected, 0 there already, 1 set aside",
        "feed erp_totals: erp_totals-3.csv was refused: is empty",
    )


def test_scores_that_coupa_holds_are_brought_into_the_feed(mirror: Mirror) -> None:
    """From the mirrored records; once, until they change."""
    record = '{"id": 5, "supplier": {"id": 1501}, "number-field-03": "12.5", "updated-at": "2026-11-01T09:00:00-05:00"}'
    with mirror.writing() as connection:
        connection.execute("INSERT INTO supplier_risk_scores (id, raw) VALUES (5, ?), (6, NULL)", [record])

    first = load_feeds(mirror, Settings(_env_file=None), NOW)
    second = load_feeds(mirror, Settings(_env_file=None), NOW)

    assert [(done.feed, done.new, done.faults) for done in first] == [("supplier_risk", 1, ())]
    assert second == ()
    assert mirror.query("SELECT supplier_id, measure, score_date, score::VARCHAR FROM feed_supplier_risk") == [
        (1501, "number_field_03", dt.date(2026, 11, 1), "12.5000")
    ]
