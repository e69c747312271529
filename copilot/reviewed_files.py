"""YAML files that people write and review, read into a typed form; what is wrong with one is said in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from copilot.errors import CopilotError

Form = TypeVar("Form", bound=BaseModel)


def read_reviewed(form: type[Form], path: Path, called: str, trouble: type[CopilotError]) -> Form:
    """The content of a file, which sentences call `called`. Raises `trouble` when it is missing or does not fit."""
    name = f"{called} {path.name}"
    try:
        return form.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise trouble(f"{name} cannot be read ({error.strerror or error}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise trouble(f"{name} is not YAML: {' '.join(str(error).split())}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        said = first["msg"].removeprefix("Value error, ")
        raise trouble(f"{name} does not fit its form: {where}: {said}.") from None
