"""The folder Chainlit is started from: its settings, our theme and card, its own web files without outside links.

Chainlit looks for `.chainlit/`, `public/` and `chainlit.md` in one folder, writes beside them, and its page asks two
outside hosts for a font and a style sheet. So the sources (repository root, or `copilot/surfaces/page` in an installed
wheel) are copied into the state folder at every start, and the page works from any folder and with the network cut.

    <state>/page/.chainlit/config.toml, translations/en-US.json   settings; our wording over Chainlit's
    <state>/page/public/                                          theme, logo, style, script, elements/AnswerCard.jsx
    <state>/page/ui/                                              Chainlit's built page without outside links
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from copilot.errors import PageError

WORDING: Mapping[str, Any] = {
    "chat": {
        "input": {"placeholder": "Ask about payables, discounts, terms…", "actions": {"send": "Ask", "stop": "Stop"}},
        "messages": {"status": {"using": "", "used": ""}},
        "watermark": "Every figure comes from a vetted metric. Open SQL to see how.",
    },
    "threadHistory": {"sidebar": {"title": "Conversations", "empty": "No conversations yet"}},
    "navigation": {"header": {"readme": "Help"}, "newChat": {"button": "New conversation"}},
}
"""Our words where Chainlit's do not fit; everything else stays as it ships."""

_OUTSIDE_LINK = re.compile(r"<link\b[^>]*\bhref=\"https?://[^>]*>\s*", re.DOTALL)


def prepare(state_folder: Path) -> Path:
    """Writes the page's folder under `state_folder` and returns it; a PageError if the sources cannot be found."""
    source = source_folder()
    page = state_folder / "page"
    (page / ".chainlit" / "translations").mkdir(parents=True, exist_ok=True)
    _copy(source / ".chainlit" / "config.toml", page / ".chainlit" / "config.toml")
    _copy(source / "chainlit.md", page / "chainlit.md")
    shutil.copytree(source / "public", page / "public", dirs_exist_ok=True)
    packaged = _packaged_chainlit()
    words = json.loads((packaged / "translations" / "en-US.json").read_text(encoding="utf-8"))
    text = json.dumps(_merged(words, WORDING), indent=2, ensure_ascii=False)
    _write(page / ".chainlit" / "translations" / "en-US.json", text)
    _copy_ui(packaged / "frontend" / "dist", page / "ui")
    return page


def source_folder() -> Path:
    """Where the page's own files lie: the repository root, or inside the package when it was installed from a wheel."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2], here.parent / "page"):
        if (folder / ".chainlit" / "config.toml").is_file() and (folder / "public").is_dir():
            return folder
    raise PageError(
        "The chat page's files (.chainlit/config.toml, public/) are missing from this installation. "
        "Start from a checkout of the repository (make setup), or reinstall the package."
    )


def session_secret(state_folder: Path) -> str:
    """The key that signs session cookies: made once, kept in the state folder, readable by its owner only."""
    path = state_folder / "chat-session.key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        path.chmod(0o600)
    return path.read_text(encoding="ascii").strip()


def without_outside_links(html: str) -> str:
    """The page's HTML without style sheets, fonts and connection hints of other hosts."""
    return _OUTSIDE_LINK.sub("", html)


def _packaged_chainlit() -> Path:
    """Chainlit's folder, found without importing it: importing reads settings from the folder we are about to write."""
    spec = find_spec("chainlit")
    if spec is None or spec.origin is None:
        raise PageError("Chainlit is not installed. Run make setup.")
    return Path(spec.origin).parent


def _copy_ui(built: Path, target: Path) -> None:
    """Copies Chainlit's built page once per version (10 MB, without source maps) and rewrites its index.html."""
    stamp = target / "version"
    wanted = version("chainlit")
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != wanted:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built, target, ignore=shutil.ignore_patterns("*.map"))
        _write(stamp, wanted)
    _write(target / "index.html", without_outside_links((built / "index.html").read_text(encoding="utf-8")))


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    """Replaces the file in one step: a second page starting beside us never reads half of it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
