"""Who asks, from the policies file: which rows and which fields each viewer may see.

The file is YAML and belongs beside your other reviewed files::

    viewers:
      - name: german team
        rows: [{field: buying_entity, op: in, values: [Acme Deutschland GmbH]}]
        hidden: [supplier]

Where there is such a file, nobody is let in without a name: a forgotten setting must not open everything.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from copilot.errors import PolicyError
from copilot.reviewed_files import read_reviewed
from copilot.settings import Settings
from semantic_layer.errors import did_you_mean
from semantic_layer.query import Filter
from semantic_layer.viewer import EVERYBODY, Viewer


class Policy(BaseModel):
    """The rows of one viewer (all conditions must hold; none: every row) and the fields that are hidden from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: tuple[Filter, ...] = ()
    hidden: tuple[str, ...] = ()


class Policies(BaseModel):
    """The policies file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    viewers: tuple[Policy, ...]


def private_suffix(viewer: Viewer) -> str:
    """What ends the names of a viewer's threads in the store, so that nobody reads on in those of other rights."""
    return "" if viewer.identity() == EVERYBODY.identity() else f"@{viewer.identity()[:16]}"


def viewer_of(settings: Settings) -> Viewer:
    """The viewer that the settings name; everybody where no policies file is set.

    Raises PolicyError with the way out.
    """
    if settings.policies is None:
        if settings.viewer is not None:
            raise PolicyError(
                f"TENOR_VIEWER says {settings.viewer!r}, but no file says what that viewer may see. Set TENOR_POLICIES."
            )
        return EVERYBODY
    known = {policy.name: policy for policy in read_policies(settings.policies).viewers}
    if settings.viewer is None:
        raise PolicyError(
            f"Say who asks with TENOR_VIEWER: {', '.join(sorted(known))} (from {settings.policies.name})."
        )
    if settings.viewer not in known:
        near = did_you_mean(settings.viewer, known) or sorted(known)
        raise PolicyError(
            f"{settings.policies.name} has no viewer {settings.viewer!r}. Did you mean {', '.join(near)}?"
        )
    policy = known[settings.viewer]
    return Viewer(policy.name, policy.rows, frozenset(policy.hidden))


def read_policies(path: Path) -> Policies:
    """The policies of a file. Raises PolicyError when it is missing, is no YAML or does not fit its form."""
    found = read_reviewed(Policies, path, "The policies file", PolicyError)
    names = [policy.name for policy in found.viewers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(f"{path.name} names the viewer {twice[0]!r} twice; each name stands once.")
    return found
