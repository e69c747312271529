"""Disks that fill up, folders that cannot be written, files that were damaged: a sentence, exit code 1, nothing lost."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sync.__main__ as cli
from sync import schema
from sync.publish import POINTER, read_pointer

ROOT = Path(schema.__file__).parents[1]
pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "sync")


def environment(url: str, mirror: Path, **more: str) -> dict[str, str]:
    """What a sync of the sandbox needs, reading the last month again each time so that there is something to write."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("TENOR_")},
        "PYTHONPATH": str(ROOT),
        "TENOR_COUPA_URL": url,
        "TENOR_COUPA_CLIENT_ID": "tenor-demo",
        "TENOR_COUPA_CLIENT_SECRET": "tenor-demo-secret",
        "TENOR_REQUESTS_PER_SECOND": "0",
        "TENOR_LOOKBACK_MONTHS": "0",
        "TENOR_OVERLAP_MINUTES": "44640",
        "TENOR_CONCURRENCY": "11",
        "TENOR_MIRROR": str(mirror),
        **more,
    }


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory, small_sandbox: Any) -> Path:
    """A mirror that was published once."""
    folder = tmp_path_factory.mktemp("synced") / "mirror"
    subprocess.run(
        [*COMMAND, "once"],
        cwd=folder.parent,
        env=environment(small_sandbox.url, folder),
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def mirror(synced: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(synced, tmp_path / "mirror"))


def reads(mirror: Path, url: str, **more: Any) -> None:
    """The published version can be read; shows why when it cannot."""
    code, output = ran(mirror, url, "status", **more) if more else here(mirror, url, "status")
    assert code == 0, output


def here(mirror: Path, url: str, *arguments: str) -> tuple[int, str]:
    """As `ran`, within this process: for what meets no damage that could end it."""
    result = CliRunner().invoke(cli.app, list(arguments), env=environment(url, mirror))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def ran(mirror: Path, url: str, *arguments: str, **more: Any) -> tuple[int, str]:
    """Exit code and everything that was printed; never a traceback."""
    done = subprocess.run(
        [*more.pop("prefix", ()), *COMMAND, *arguments],
        cwd=mirror.parent,
        env=environment(url, mirror),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        **more,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done.returncode, " ".join(done.stdout.split())


def published(mirror: Path) -> tuple[str, bytes]:
    """The current version: its name and every byte."""
    name = read_pointer(mirror).file
    return name, (mirror / name).read_bytes()


def small_files() -> None:
    """In the child: no file may grow beyond a quarter of a megabyte, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))


def test_a_file_that_cannot_grow_ends_the_sync(mirror: Path, small_sandbox: Any) -> None:
    """One sentence; the published version stays byte for byte, and with room again the next sync publishes."""
    before = published(mirror)

    code, output = ran(mirror, small_sandbox.url, "once", preexec_fn=small_files)

    assert code == 1, output
    assert "tenor-sync:" in output
    assert published(mirror) == before
    reads(mirror, small_sandbox.url)
    assert here(mirror, small_sandbox.url, "once")[0] == 0
    assert published(mirror)[0] != before[0]
    assert not list(mirror.glob("*.partial*"))


def can_mount() -> bool:
    """Whether this process may make a small file system of its own."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False  # noqa: S607
    ).returncode == 0  # fmt: skip


FULL_DISK = """
mount -t tmpfs -o size="$SIZE" tmpfs "$DISK" && cp -a "$FROM" "$DISK/mirror" || exit 9
"$PYTHON" -m sync once; echo "ONCE=$?"
cmp "$FROM/current.json" "$DISK/mirror/current.json" && echo POINTER-SAME
"$PYTHON" -m sync status > /dev/null && echo STATUS-GOOD
"""


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount a small file system")
@pytest.mark.parametrize("room", [0, 1_500_000])
def test_a_full_disk_ends_the_sync(mirror: Path, tmp_path: Path, small_sandbox: Any, room: int) -> None:
    """No room at all, and room for all batches but not to publish: the old version stays readable each time."""
    size = sum(-(-path.stat().st_size // 4096) * 4096 for path in mirror.rglob("*") if path.is_file())
    disk = tmp_path / "disk"
    disk.mkdir()
    told = {"SIZE": str(size + 65_536 + room), "DISK": str(disk), "FROM": str(mirror), "PYTHON": sys.executable}

    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", FULL_DISK], env=environment(small_sandbox.url, disk / "mirror", **told),  # noqa: S607
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert "Traceback" not in done.stdout
    for line in ("ONCE=1", "POINTER-SAME", "STATUS-GOOD"):
        assert line in done.stdout, done.stdout
    assert "tenor-sync:" in done.stdout


def test_a_folder_that_cannot_be_written_ends_the_sync(mirror: Path, small_sandbox: Any) -> None:
    """Without the right to write: one sentence that names a file, and the published version can still be read."""
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:  # who may do everything is asked to do without that
        dropped = "-dac_override,-dac_read_search,-fowner"
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("needs setpriv to give up the rights of root")
        prefix = (setpriv, "--bounding-set", dropped, "--inh-caps", dropped)
    before = published(mirror)
    paths = [mirror, *mirror.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code, output = ran(mirror, small_sandbox.url, "once", prefix=prefix)
        assert code == 1, output
        assert "Permission denied" in output
        assert str(mirror) in output
        reads(mirror, small_sandbox.url, prefix=prefix)
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert published(mirror) == before


def overwrite(path: Path, start: float, length: int) -> None:
    """Damages a file from a share of its length on."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * start)
    data[at : at + length] = os.urandom(min(length, len(data) - at))
    path.write_bytes(bytes(data))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "its head": lambda path: overwrite(path, 0, 4096),
    "its middle": lambda path: overwrite(path, 0.3, 400_000),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "text": lambda path: path.write_text("not a database at all\n" * 1000, encoding="utf-8"),
}


@pytest.mark.parametrize("damage", ["its head", "its middle", "empty"])
def test_a_damaged_work_file_is_named_and_nothing_is_published(mirror: Path, small_sandbox: Any, damage: str) -> None:
    """The sentence says what to do; doing it heals."""
    before = published(mirror)
    work = mirror / ".work" / "work.duckdb"
    DAMAGES[damage](work)

    code, output = ran(mirror, small_sandbox.url, "once")

    assert code == 1, output
    assert published(mirror) == before
    reads(mirror, small_sandbox.url)
    work.unlink()
    assert here(mirror, small_sandbox.url, "once")[0] == 0


@pytest.mark.parametrize("damage", ["cut in half", "text"])
def test_a_damaged_published_file_is_named_and_the_next_sync_replaces_it(
    mirror: Path, small_sandbox: Any, damage: str
) -> None:
    """Status cannot read it and says so; the work file has everything, so a sync publishes a good one."""
    name = read_pointer(mirror).file
    DAMAGES[damage](mirror / name)

    code, output = ran(mirror, small_sandbox.url, "status")

    assert code == 1, output
    assert "tenor-sync once" in output
    assert here(mirror, small_sandbox.url, "once")[0] == 0
    reads(mirror, small_sandbox.url)
    assert read_pointer(mirror).file != name


@pytest.mark.parametrize("content", ["{", '{"file": "../../etc/passwd"}'])
def test_a_damaged_pointer_is_named_and_the_next_sync_replaces_it(
    mirror: Path, small_sandbox: Any, content: str
) -> None:
    """As with the file."""
    (mirror / POINTER).write_text(content, encoding="utf-8")
    code, output = here(mirror, small_sandbox.url, "status")
    assert code == 1, output
    assert "tenor-sync once" in output
    assert here(mirror, small_sandbox.url, "once")[0] == 0
    reads(mirror, small_sandbox.url)
