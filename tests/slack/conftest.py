"""A workspace beside Slack's own, and the adapter in it over the scripted engine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from copilot.answer import Answer
from copilot.errors import CopilotError, EvidenceMissingError
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.surfaces.slack.adapter import SlackSurface
from copilot.surfaces.slack.approvals import SlackApprovals
from copilot.surfaces.slack.live_directory import LiveDirectory
from copilot.surfaces.slack.serving import PATH, bolt_app, http_app
from semantic_layer.viewer import Viewer

HERE = Path(__file__).parent

POLICIES = """
viewers:
  - name: german team
    rows: [{field: buying_entity, op: in, values: [Quellmark Deutschland GmbH]}]
  - name: french team
    rows: [{field: buying_entity, op: in, values: [Quellmark France SAS]}]
  - name: group treasury
"""
PEOPLE = """
workspaces:
  - id: T0TENOR
    people:
      - {user: U0CFO, viewer: group treasury}
      - {user: U0TREASURER, viewer: group treasury}
      - {user: U0BERLIN, viewer: german team}
      - {user: U0PARIS, viewer: french team}
    channels:
      - {channel: C0VOUCHED, viewer: german team}
      - {channel: C0TREASURY, viewer: group treasury}
"""


DECIDERS = """
people:
  - {name: CFO, identities: ["slack:T0TENOR:U0CFO"], roles: [approver], offices: [CFO]}
  - {name: treasurer, identities: ["slack:T0TENOR:U0TREASURER"], roles: [proposer, approver], offices: [treasurer]}
  - {name: owner, identities: ["local:owner"], roles: [policy owner]}
  - {name: other owner, identities: ["local:owner2"], roles: [policy owner]}
"""


def load(name: str, folder: Path) -> ModuleType:
    """A module that lies beside tests."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


lookalike = load("workspace", HERE)
scripted = load("scripted_engine", HERE.parent / "web")


class ScriptedEngines:
    """The scripted engine for every viewer, one each, that remembers what it answered."""

    def __init__(self) -> None:
        self.by_viewer: dict[str, Remembering] = {}

    def of(self, viewer: Viewer) -> Remembering:
        """The engine of these rights."""
        return self.by_viewer.setdefault(viewer.name, Remembering())


class Remembering:
    """One scripted engine."""

    def __init__(self) -> None:
        self.scripted: Any = scripted.ScriptedEngine(CopilotError)
        self.given: dict[str, Answer] = {}
        self.trail: list[tuple[str, str]] = []

    def ask(self, question: str, thread: str, actor: str) -> Answer:
        """The scripted answer, remembered."""
        self.trail.append(("answered", actor))
        answer: Answer = self.scripted.ask(question, thread)
        self.given[answer.evidence_id] = answer
        return answer

    def told(self, action: str, of: str, what: Mapping[str, Any], actor: str) -> None:
        """The audit trail."""
        self.trail.append((f"{action} {what['part']} of {of}", actor))

    def shown(self, evidence_id: str) -> Answer:
        """The answer that was given."""
        if evidence_id not in self.given:
            raise EvidenceMissingError("no such answer")
        return self.given[evidence_id]


@pytest.fixture
def space() -> Iterator[Any]:
    """A workspace in which everybody in #payables may see everything."""
    with lookalike.running_workspace() as found:
        found.members = {
            "C0PAYABLES": ["U0CFO", "U0TREASURER", "U0BOT"],
            "C0MIXED": ["U0CFO", "U0BERLIN", "U0BOT"],
            "C0BOTH": ["U0CFO", "U0BERLIN", "U0PARIS", "U0BOT"],
            "C0GUESTS": ["U0CFO", "U0GUEST", "U0BOT"],
            "C0CROWD": ["U0CFO", *(f"U{i}" for i in range(700))],
        }
        yield found


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder of the people file and the policies file."""
    (tmp_path / "policies.yml").write_text(POLICIES)
    (tmp_path / "people.yml").write_text(PEOPLE)
    (tmp_path / "deciders.yml").write_text(DECIDERS)
    return tmp_path


@pytest.fixture
def settings(space: Any, files: Path) -> Settings:
    """Settings of the adapter, as the environment would give them."""
    return Settings(
        policies=files / "policies.yml",
        slack_people=files / "people.yml",
        people=files / "deciders.yml",
        slack_api_url=f"{space.url}api/",
        slack_bot_token=SecretStr(lookalike.BOT_TOKEN),
        slack_signing_secret=SecretStr(lookalike.SECRET),
        public_url="https://tenor.example.com/",
        state_url=f"sqlite:///{files}/state.db",
    )


def no_layer() -> Any:
    """The figures of a company that was never synced."""
    raise CopilotError("there is no mirror here")


@pytest.fixture
def engines() -> ScriptedEngines:
    """The engines of the adapter."""
    return ScriptedEngines()


@pytest.fixture
def adapter(space: Any, settings: Settings, engines: ScriptedEngines, files: Path) -> Iterator[SlackSurface]:
    """The adapter, reached by signed requests."""
    assert settings.slack_bot_token is not None
    with StateStore.open(settings.state_url) as store:
        directory = LiveDirectory(files / "people.yml", settings, lambda _: None)
        approvals = SlackApprovals(store, settings, no_layer)
        surface = SlackSurface(engines, directory, store.slack_questions, settings.public_url, approvals)
        bolt = bolt_app(settings, settings.slack_bot_token)
        surface.register(bolt)
        with lookalike.running(http_app(bolt)) as url:
            space.events_url = f"{url.rstrip('/')}{PATH}"
            yield surface
        surface.close()
