"""`tenor-sync feed` as a person uses it, over a work file of which every resource was read once."""

import datetime as dt
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sync.__main__ import app
from sync.mirror import Mirror
from sync.publish import open_published, read_pointer
from sync.resources import RESOURCES
from sync.state import Bookmark

NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
ERP = "entity,period_month,account_class,currency,amount\nA,2026-10,cogs,USD,{}\nA,2026-10,cog,USD,1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the mirror of https://acme.example is going to be; its work file is complete."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENOR_COUPA_URL", "https://acme.example/")
    with Mirror.open(tmp_path / "mirror" / ".work" / "work.duckdb", "https://acme.example") as mirror:
        for resource in RESOURCES:
            mirror.save_bookmark(Bookmark(resource.name, updated_through=NOW, synced_at=NOW))
    return tmp_path / "mirror"


def run(folder: Path, *arguments: str, clock: bool = True) -> Result:
    """One command over the mirror in the folder."""
    today = ("--today", "2026-11-22") if clock else ()
    return CliRunner().invoke(app, ["feed", *arguments, "--mirror", str(folder), *today])


def test_a_file_is_loaded_published_and_listed(folder: Path) -> None:
    """What was set aside is shown at once and later."""
    Path("gl.csv").write_text(ERP.format("5.5"), encoding="utf-8")

    loaded = run(folder, "load", "erp_totals", "gl.csv")
    listed = run(folder, "list", clock=False)
    detail = run(folder, "list", "erp_totals", clock=False)

    assert loaded.exit_code == 0, loaded.output
    assert "1 new, 0 corrected, 0 there already, 1 set aside" in loaded.output
    assert "set aside: line 3: account_class: 'cog' is not one of" in loaded.output
    assert "Published" in loaded.output
    assert re.search(r"erp_totals +csv +1 +2026-10-01", listed.output)
    assert "set aside: gl.csv line 3: account_class" in detail.output
    with open_published(folder) as published:
        assert published.execute("SELECT entity, amount::VARCHAR FROM feed_erp_totals").fetchall() == [("A", "5.5000")]


def test_loading_again_publishes_nothing(folder: Path) -> None:
    """And says so."""
    Path("gl.csv").write_text(ERP.format("5.5"), encoding="utf-8")
    run(folder, "load", "erp_totals", "gl.csv")
    before = read_pointer(folder)

    again = run(folder, "load", "erp_totals", "gl.csv")

    assert again.exit_code == 0
    assert "Nothing changed" in again.output
    assert read_pointer(folder) == before


def test_a_refused_file_is_an_exit_code(folder: Path) -> None:
    """So that a script notices; the other file is loaded."""
    Path("bad.csv").write_text("", encoding="utf-8")
    Path("gl.csv").write_text(ERP.format(1), encoding="utf-8")

    done = run(folder, "load", "erp-totals", "bad.csv", "gl.csv")

    assert done.exit_code == 1
    assert "bad.csv was refused: is empty" in done.output
    assert "gl.csv: 1 new" in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("load", "cash", "gl.csv"), "There is no feed 'cash'"),
        (("load", "erp_totals", "missing.csv"), "missing.csv is not a file"),
        (("load", "erp_totals", "gl.csv", "--decimal", ","), "--thousands"),
        (("load", "erp_totals", "gl.csv", "--date-format", "%Q"), "gl.csv"),
        (("fetch", "weather"), "Nothing can be fetched by the name 'weather'"),
        (("fetch", "ecb_estr", "--since", "yesterday"), "is not a date"),
        (("withdraw", "nonsense"), "There is no load 'nonsense'"),
    ],
)
def test_wrong_use_is_one_plain_sentence(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """With a non-zero exit code, or the rows set aside."""
    Path("gl.csv").write_text(ERP.format(1), encoding="utf-8")
    extra = ("--thousands", ",") if "--decimal" in arguments else ()

    done = run(folder, *arguments, *extra)

    assert sentence in done.output.replace("\n", " ")
    assert "Traceback" not in done.output


def test_a_load_is_taken_back(folder: Path) -> None:
    """By its id, which the list of loads shows."""
    Path("gl.csv").write_text(ERP.format(1), encoding="utf-8")
    run(folder, "load", "erp_totals", "gl.csv")
    with open_published(folder) as published:
        (load_id,) = published.execute("SELECT load_id FROM feed_loads").fetchone() or ("",)

    listed = run(folder, "list", "--loads", clock=False)
    done = run(folder, "withdraw", load_id)

    assert load_id in listed.output
    assert "1 row was withdrawn" in done.output
    with open_published(folder) as published:
        assert published.execute("SELECT count(*) FROM feed_erp_totals").fetchone() == (0,)


def test_before_the_first_sync_rows_wait_in_the_work_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a mirror is never published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENOR_COUPA_URL", "https://acme.example")
    Path("gl.csv").write_text(ERP.format(1), encoding="utf-8")

    done = run(tmp_path / "mirror", "load", "erp_totals", "gl.csv")

    assert done.exit_code == 0, done.output
    assert "the next tenor-sync once publishes it" in done.output


def test_without_any_mirror_there_is_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose company would the rows belong to?"""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENOR_COUPA_URL", raising=False)
    Path("gl.csv").write_text(ERP.format(1), encoding="utf-8")

    assert "run tenor-sync once first" in run(tmp_path / "mirror", "load", "erp_totals", "gl.csv").output
