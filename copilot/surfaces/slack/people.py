"""Who in Slack may ask, and as whom: a YAML file of workspaces that belongs beside the other reviewed files.

::

    workspaces:
      - id: T0000000001
        people:
          - {user: U0000000001, viewer: group treasury}
          - {user: U0000000002, viewer: german team}
        channels:
          - {channel: C0000000001, viewer: german team}

A person is their workspace's id and their own id together, both as Slack signed them; names and mail addresses can be
changed by their owner and prove nothing. `viewer` is one of the policies file (docs/permissions.md) and is left out
where there is none. A channel may be given the viewer whose rights are the least among its readers; without one the
readers are looked up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from copilot.errors import PolicyError
from copilot.reviewed_files import read_reviewed
from copilot.settings import Settings
from copilot.viewers import viewer_of
from semantic_layer.viewer import Viewer

NAME = "Slack's people file"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    viewer: str | None = None


class Person(_Entry):
    """A member of a workspace and the viewer they are."""

    user: str = Field(pattern=r"^[UW][A-Z0-9]+$")


class Channel(_Entry):
    """A channel whose readers may all see what this viewer sees."""

    channel: str = Field(pattern=r"^[CG][A-Z0-9]+$")


class Workspace(BaseModel):
    """One workspace; nobody of another one is let in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[TE][A-Z0-9]+$")
    people: tuple[Person, ...] = ()
    channels: tuple[Channel, ...] = ()


class People(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspaces: tuple[Workspace, ...]


@dataclass(frozen=True)
class Directory:
    """Looks people and channels up. Keys are (workspace, person) and (workspace, channel)."""

    people: dict[tuple[str, str], Viewer] = field(default_factory=dict)
    channels: dict[tuple[str, str], Viewer] = field(default_factory=dict)

    def person(self, workspace: str, user: str) -> Viewer | None:
        """The viewer that a person is; None for somebody who was not let in."""
        return self.people.get((workspace, user))

    def channel(self, workspace: str, channel: str) -> Viewer | None:
        """The viewer whose rights the file gives to a whole channel."""
        return self.channels.get((workspace, channel))


def read_directory(path: Path, settings: Settings) -> Directory:
    """The people of a file, each with their rights. Raises PolicyError when it, or a viewer in it, cannot be used."""
    found = read_reviewed(People, path, NAME, PolicyError)
    people: dict[tuple[str, str], Viewer] = {}
    channels: dict[tuple[str, str], Viewer] = {}
    for space in found.workspaces:
        for person in space.people:
            _add(people, (space.id, person.user), person.viewer, settings)
        for channel in space.channels:
            _add(channels, (space.id, channel.channel), channel.viewer, settings)
    return Directory(people, channels)


def _add(known: dict[tuple[str, str], Viewer], key: tuple[str, str], viewer: str | None, settings: Settings) -> None:
    if key in known:
        raise PolicyError(f"{NAME} names {key[1]} of {key[0]} twice; each stands once.")
    known[key] = viewer_of(settings.model_copy(update={"viewer": viewer}))
