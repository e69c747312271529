"""`tenor approvals watch`, `waiting` and `realise`: what is new with a version of the mirror, told once and booked."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated

import typer

from copilot.governance.incidents import DeadLetter, Unproposed, incidents
from copilot.governance.outcomes import Refused
from copilot.rendering.approval_words import outcome_sentence
from copilot.rendering.incident_words import line_of
from copilot.surfaces.command_parts import MirrorOption, TodayOption, plain_errors, settings_of
from copilot.surfaces.governance_parts import REFUSED, AsOption, Chambers, chambers
from semantic_layer import SemanticLayer


def watch(
    *,
    every: Annotated[int | None, typer.Option("--every", min=1, help="Look again after so many seconds.")] = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Tell what a new version of the mirror recommends for the first time, and submit what a standing decision covers.

    What nobody has proposed yet, and what did not reach Coupa, goes to TENOR_APPROVALS_TO, once.

    Example: tenor approvals watch --every 60

    Without --every it looks once.
    """
    from copilot.governance.watching import watch as look  # noqa: PLC0415 (numpy and the solver)
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (as above)

    with plain_errors(), suppress(KeyboardInterrupt), chambers(settings_of(mirror), today=today) as here:
        last = ""
        while True:
            layer = open_layer(here.settings)
            if layer.mirror_version != last:
                last = layer.mirror_version
                for seen in look(here.store, here.people, layer, currency=here.settings.reporting_currency):
                    became = f"; {outcome_sentence(seen.outcome)}" if seen.outcome else ""
                    typer.echo(f"{seen.title}: {seen.route}{became}")
                _book(here, layer)
                typer.echo(f"Looked at mirror {last}.")
            _announce(here)
            if every is None:
                return
            time.sleep(every)


def waiting(*, today: TodayOption = None, mirror: MirrorOption = None) -> None:
    """List what is recommended and not proposed, and what was approved and did not reach Coupa.

    Example: tenor approvals waiting
    """
    with plain_errors(), chambers(settings_of(mirror), today=today) as here:
        found = _incidents(here)
        for one in found:
            typer.echo(f"{one.invoice if isinstance(one, Unproposed) else one.key[:16]}  {line_of(one)}")
        if not found:
            typer.echo("Nothing waits for a proposer, and nothing died on its way to Coupa.")


def realise(*, acting_as: AsOption = None, today: TodayOption = None, mirror: MirrorOption = None) -> None:
    """Propose to book, as realised savings of the policy's project, the discounts that payments show as taken.

    Example: tenor approvals realise

    Exit code: 0 proposed, 1 error or nothing new, 4 refused.
    """
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (numpy; other commands need it not)
    from copilot.outcomes import realising  # noqa: PLC0415 (as above)

    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        title, outcome = realising.realise(here.store, here.people, open_layer(here.settings), here.actor)
        key = getattr(outcome, "id", "-")
        typer.echo(f"{key}  {title}: {outcome_sentence(outcome)}", err=isinstance(outcome, Refused))
        raise typer.Exit(REFUSED if isinstance(outcome, Refused) else 0)


def _book(here: Chambers, layer: SemanticLayer) -> None:
    from copilot.outcomes.realising import realise_by_policy  # noqa: PLC0415 (numpy)

    found = realise_by_policy(here.store, here.people, layer)
    if found is not None:
        title, outcome = found
        typer.echo(f"{title}: {outcome_sentence(outcome) if outcome else 'propose it with `tenor approvals realise`'}")


def _incidents(here: Chambers) -> tuple[Unproposed | DeadLetter, ...]:
    with here.store.reading() as connection:
        return incidents(connection, here.store.clock())


def _announce(here: Chambers) -> None:
    if not here.settings.approvals_to:
        return
    from copilot.surfaces.incident_delivery import announcer  # noqa: PLC0415 (loads Slack's library)

    for told in announcer(here.settings, here.store).round(_incidents(here), here.store.clock()):
        became = f"could not be told ({told.why}); it is tried again" if told.why else "told"
        typer.echo(f"{told.address}: {len(told.incidents)} {became}.", err=bool(told.why))
