"""The page's folder, its guard and its small print, without starting it."""

from __future__ import annotations

import colorsys
import json
import socket
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from copilot.errors import PageError
from copilot.rendering.table_file import table_csv
from copilot.settings import Settings
from copilot.surfaces.listening import listen
from copilot.surfaces.page_folder import prepare, session_secret, source_folder, without_outside_links
from copilot.surfaces.web import serve
from copilot.surfaces.web_security import PageGuard, is_loopback


def test_page_folder_has_what_chainlit_needs(tmp_path: Path) -> None:
    """Settings, theme, card, wording and a built page without outside links, wherever the process was started."""
    page = prepare(tmp_path)
    settings = tomllib.loads((page / ".chainlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["UI"]["custom_build"] == "ui"
    assert "https://" not in (page / "ui" / "index.html").read_text(encoding="utf-8")
    assert (page / "public" / "elements" / "AnswerCard.jsx").is_file()
    assert not list((page / "ui").rglob("*.map"))
    words = json.loads((page / ".chainlit" / "translations" / "en-US.json").read_text(encoding="utf-8"))
    assert words["chat"]["messages"]["status"] == {"using": "", "used": ""}
    assert words["common"]["actions"]["cancel"] == "Cancel"


def test_page_folder_is_renewed_at_every_start(tmp_path: Path) -> None:
    """A file that somebody changed in the prepared folder is put right again."""
    page = prepare(tmp_path)
    (page / "public" / "theme.json").write_text("{}", encoding="utf-8")
    (page / "ui" / "index.html").write_text("<a href='https://evil.example'>", encoding="utf-8")
    prepare(tmp_path)
    assert json.loads((page / "public" / "theme.json").read_text(encoding="utf-8"))["custom_fonts"] == []
    assert "evil" not in (page / "ui" / "index.html").read_text(encoding="utf-8")


def test_settings_close_what_is_not_used() -> None:
    """HTML, uploads, editing, sharing, MCP and foreign origins are off; the pinned Chainlit is the one the page was made for."""
    settings = tomllib.loads((source_folder() / ".chainlit" / "config.toml").read_text(encoding="utf-8"))
    features = settings["features"]
    assert [features[name] for name in ("unsafe_allow_html", "edit_message", "allow_thread_sharing", "latex")] == [
        False
    ] * 4
    assert features["spontaneous_file_upload"]["enabled"] is False
    assert features["mcp"]["enabled"] is False
    assert settings["project"]["allow_origins"] == []
    assert settings["meta"]["generated_by"] == version("chainlit") == "2.12.0"


def test_our_files_name_no_outside_host() -> None:
    """Neither style, script, theme nor card links to another host; SVG's name spaces do not count."""
    for path in (source_folder() / "public").rglob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name


def test_theme_is_readable() -> None:
    """Text and muted text reach a contrast of 4.5 to 1 on every surface of both themes, buttons included."""
    theme = json.loads((source_folder() / "public" / "theme.json").read_text(encoding="utf-8"))["variables"]
    for colours in theme.values():
        for ink in ("--foreground", "--muted-foreground", "--primary"):
            for paper in ("--background", "--card", "--muted", "--secondary"):
                assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
        assert contrast(colours["--primary-foreground"], colours["--primary"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two colours given as "hue saturation% lightness%"."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance."""
    hue, saturation, lightness = (float(part.rstrip("%")) for part in colour.split())
    channels = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_outside_links_are_cut_and_ours_stay() -> None:
    """Style sheets and hints of other hosts go, over several lines too; our own stay."""
    html = '<link\n  href="https://cdn.example/a.css"\n rel="stylesheet"/><link rel="icon" href="/favicon"/><p>x</p>'
    assert without_outside_links(html) == '<link rel="icon" href="/favicon"/><p>x</p>'


def test_session_key_is_made_once_and_tightened(tmp_path: Path) -> None:
    """The key stays the same over restarts, and a key that others could read is closed again."""
    first = session_secret(tmp_path)
    (tmp_path / "chat-session.key").chmod(0o644)
    assert session_secret(tmp_path) == first
    assert (tmp_path / "chat-session.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True)]
)
def test_loopback_is_known(host: str, local: bool) -> None:
    """Addresses of this machine only."""
    assert is_loopback(host) is local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.com", ""])  # noqa: S104 (refused)
def test_page_without_a_login_does_not_leave_the_machine(host: str) -> None:
    """Any other address is refused with the way out, before anything is opened."""
    with pytest.raises(PageError, match="forward the port"):
        serve(host=host)


def test_taken_port_is_one_plain_sentence() -> None:
    """A port in use names itself and the option to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PageError, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("sqlite:///.tenor/state.db", ".tenor"),
        ("sqlite:////var/lib/tenor/state.db", "/var/lib/tenor"),
        ("postgresql+psycopg://db/tenor", ".tenor"),
    ],
)
def test_page_keeps_its_files_beside_the_state(url: str, folder: str) -> None:
    """The folder of an SQLite state, the default folder when the state lives in a server."""
    assert Settings(state_url=url).state_folder() == Path(folder)


def test_csv_disarms_formulas_and_keeps_amounts(scripted: Any) -> None:
    """A name that a spreadsheet would run gets an apostrophe; negative amounts stay numbers."""
    answer = scripted.ScriptedEngine().ask("Top 10 suppliers by missed discounts", "t")
    rows = (("=HYPERLINK(1)", "-12.50", 0.5), ("@cmd", "3.00", 0.1), ("Plain, Inc", "1.00", 0.1))
    text = table_csv(answer.model_copy(update={"table": answer.table.model_copy(update={"rows": rows})}))
    assert text.splitlines()[1:] == ["'=HYPERLINK(1),-12.50,0.5", "'@cmd,3.00,0.1", '"Plain, Inc",1.00,0.1']


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"host": "127.0.0.1:8000"}, 200),
        ("GET", {"host": "localhost:8000"}, 200),
        ("GET", {"host": "LOCALHOST"}, 200),
        ("GET", {"host": "[::1]:8000"}, 200),
        ("GET", {"host": "localhost.evil.example"}, 421),
        ("GET", {"host": "evil.example:8000"}, 421),
        ("POST", {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, 200),
        ("POST", {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:9999"}, 403),
        ("POST", {"host": "127.0.0.1:8000", "origin": "null"}, 403),
        ("POST", {"host": "127.0.0.1:8000", "origin": "https://evil.example"}, 403),
    ],
)
async def test_guard_lets_only_our_own_page_in(method: str, headers: dict[str, str], status: int) -> None:
    """Known host names pass; a change asked for by another origin, another port included, does not."""
    inner = Starlette(routes=[Route("/", lambda _request: PlainTextResponse("in"), methods=["GET", "POST"])])
    transport = httpx.ASGITransport(app=PageGuard(inner))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        reply = await client.request(method, "/", headers=headers)
    assert reply.status_code == status
