"""Log lines of the worker: one JSON object each, with every secret masked whatever the way it got there.

Lines of other libraries go the same way. The mask is the last step, over the finished line, so that no field, no
exception and no nesting can get around it.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Final, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from sync.settings import Settings

MASK: Final = "**********"
_SHORTEST: Final = 4  # characters; masking shorter ones would blank out half of every line
_SHAPES: Final = (
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"),
    re.compile(
        r"(?i)((?:client_secret|access_token|refresh_token|encryption_key|password)[\"']?[\s:=]+[\"']?)[^\s&\"',}]+"
    ),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """The values of all secret settings, longest first."""
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True))


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, as such or inside JSON, and without anything of the shape of a token."""
    for secret in secrets:
        text = text.replace(secret, MASK).replace(json.dumps(secret)[1:-1], MASK)
    for shape in _SHAPES:
        text = shape.sub(rf"\g<1>{MASK}", text)
    return text


def write_lines(settings: Settings, stream: TextIO | None = None) -> None:
    """Sends the log lines of this process, at the level of the settings, to a stream (standard error by default)."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    secrets = secrets_of(settings)

    def mask(_logger: WrappedLogger, _name: str, line: EventDict | str) -> str:
        return masked(str(line), secrets)

    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
                mask,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("httpx", "httpcore", "uvicorn", "uvicorn.access", "uvicorn.error", "asyncio"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
        library.setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
