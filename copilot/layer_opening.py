"""The semantic layer that the settings name: one way in, for every surface, under the policy of whoever asks."""

from __future__ import annotations

from copilot.settings import Settings
from copilot.viewers import viewer_of
from semantic_layer import SemanticLayer
from semantic_layer.viewer import EVERYBODY


def open_layer(settings: Settings) -> SemanticLayer:
    """Loads the shipped model over the mirror, as the viewer may see it.

    Raises DefinitionError, MirrorMissingError, MirrorKeyError, PolicyError, or UnknownNameError for a policy on a field
    that does not exist.
    """
    viewer = viewer_of(settings)
    layer = SemanticLayer.load(
        settings.mirror,
        settings.reporting_currency,
        settings.fiscal_year_start,
        encryption_key=settings.encryption_key,
    )
    return layer if viewer is EVERYBODY else layer.seen_by(viewer)
