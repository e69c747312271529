from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from semantic_layer import ExecutionError, MirrorKeyError, encryption
from semantic_layer.database import Mirror

KEY = SecretStr("it's a key of forty characters; not more")
OTHER = SecretStr("another key of more than thirty-two characters")
PLAIN = "ATTACH '{path}' AS made"
ENCRYPTED = "ATTACH '{path}' AS made (ENCRYPTION_KEY '{key}')"


def made(path: Path, key: SecretStr | None) -> Path:
    """A mirror with one invoice, written as any DuckDB with OpenSSL would."""
    with duckdb.connect() as connection:
        if key is None:
            connection.execute(PLAIN.format(path=path))
        else:
            encryption._load_openssl(connection)
            connection.execute(ENCRYPTED.format(path=path, key=key.get_secret_value().replace("'", "''")))
        connection.execute(
            "CREATE TABLE made.mirror_manifest AS SELECT 'v1' AS mirror_version, "
            "TIMESTAMPTZ '2026-11-22 05:00:00Z' AS data_as_of, 'America/New_York' AS company_time_zone"
        )
        connection.execute("CREATE TABLE made.invoices AS SELECT DATE '2026-01-31' AS invoice_date, 7 AS id")
    return path


def test_an_encrypted_mirror_answers_like_a_plain_one(tmp_path: Path) -> None:
    """Same rows, same tables, by their bare names and on every cursor."""
    plain = Mirror(made(tmp_path / "plain.duckdb", None)).snapshot()
    secret = Mirror(made(tmp_path / "secret.duckdb", KEY), key=KEY).snapshot()

    assert secret.run("SELECT id FROM invoices") == plain.run("SELECT id FROM invoices")
    assert (secret.version, secret.data_as_of, secret.tables) == (plain.version, plain.data_as_of, plain.tables)
    assert encryption.is_encrypted(secret.file) is True


@pytest.mark.parametrize(
    ("written", "given", "says"),
    [
        (KEY, OTHER, "written with another key than TENOR_ENCRYPTION_KEY holds"),
        (KEY, None, "is encrypted. Set TENOR_ENCRYPTION_KEY"),
        (None, KEY, "is not encrypted, though TENOR_ENCRYPTION_KEY is set"),
    ],
)
def test_a_key_that_does_not_belong_is_one_sentence(
    tmp_path: Path, written: SecretStr | None, given: SecretStr | None, says: str
) -> None:
    """It names the file and the setting, and shows no key."""
    path = made(tmp_path / "a.duckdb", written)

    with pytest.raises(MirrorKeyError, match=says) as caught:
        Mirror(path, key=given).snapshot()

    text = str(caught.value)
    assert "a.duckdb" in text
    assert KEY.get_secret_value() not in text
    assert OTHER.get_secret_value() not in text


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x')",
        "COPY invoices TO '/tmp/stolen.csv'",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
        "DELETE FROM invoices",
        "CREATE TABLE mirror.x (i INTEGER)",
    ],
)
def test_an_encrypted_mirror_is_locked_down_like_a_plain_one(tmp_path: Path, sql: str) -> None:
    """No file, no network, no writing, no other settings, though the extension that brings OpenSSL could do more."""
    for key in (None, KEY):
        snapshot = Mirror(made(tmp_path / f"{key is None}.duckdb", key), key=key).snapshot()
        with pytest.raises(ExecutionError):
            snapshot.run(sql)


def test_no_statement_can_show_the_key(tmp_path: Path) -> None:
    """Databases, settings and the text of errors hold nothing of it."""
    snapshot = Mirror(made(tmp_path / "a.duckdb", KEY), key=KEY).snapshot()
    shown = [snapshot.run(f"FROM {name}()") for name in ("duckdb_databases", "duckdb_settings")]
    assert KEY.get_secret_value() not in repr(shown)
    with pytest.raises(ExecutionError) as caught:
        snapshot.run("SELECT * FROM nothing_here")
    assert KEY.get_secret_value() not in str(caught.value)


def test_without_openssl_an_encrypted_mirror_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a query spills could not be encrypted safely; the sentence says what to install."""
    path = made(tmp_path / "a.duckdb", KEY)
    monkeypatch.setattr(encryption, "_EXTENSION", "no_such_package_here")
    with pytest.raises(MirrorKeyError, match=rf"pip install duckdb-extension-httpfs=={duckdb.__version__}"):
        Mirror(path, key=KEY).snapshot()
