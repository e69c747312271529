"""Users: clerks, requesters and approvers, named by role and place, never as persons."""

from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import IntArray
from sync.sandbox.company.reference import ENTITIES

LEVELS = 3
_APPROVERS_PER_ENTITY = (3, 2, 1)


@dataclass(frozen=True)
class People:
    """All users, and rows of those with a task.

    approvers[level] has one row of candidates per entity. slow is the planted slow approver, self_approver the user
    who approves what they requested. integration is the API user, robot the one that posts payments.
    """

    logins: tuple[str, ...]
    names: tuple[str, ...]
    approvers: tuple[IntArray, ...]
    requesters: IntArray
    clerks: IntArray
    slow: int
    self_approver: int
    integration: int
    robot: int


def build_people() -> People:
    """The same users in every company: their number does not depend on its size."""
    logins: list[str] = []
    names: list[str] = []

    def add(login: str, name: str) -> int:
        logins.append(login)
        names.append(name)
        return len(logins) - 1

    integration = add("integration.supplier-portal", "Integration: supplier portal")
    robot = add("integration.erp", "Integration: ERP payment posting")
    clerks = np.array([add(f"ap.clerk.{n:02d}", f"AP Clerk {n:02d}") for n in range(1, 9)], dtype=np.int64)
    requesters, approvers = [], [[], [], []]  # type: ignore[var-annotated]
    for entity in ENTITIES:
        code = entity.code.lower()
        requesters.append([add(f"requester.{code}.{n}", f"Requester {entity.code} {n}") for n in range(1, 5)])
        for level, seats in enumerate(_APPROVERS_PER_ENTITY):
            approvers[level].append(
                [
                    add(f"approver.{code}.l{level + 1}.{n}", f"Approver {entity.code} Level {level + 1} No {n}")
                    for n in range(1, seats + 1)
                ]
            )
    slow = add("approver.group.capex", "Approver Group Capital Projects")
    self_approver = add("plant.manager.us01", "Plant Manager US01")
    return People(
        logins=tuple(logins),
        names=tuple(names),
        approvers=tuple(np.array(rows, dtype=np.int64) for rows in approvers),
        requesters=np.array(requesters, dtype=np.int64),
        clerks=clerks,
        slow=slow,
        self_approver=self_approver,
        integration=integration,
        robot=robot,
    )
