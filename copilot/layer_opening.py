"""The semantic layer that the settings name: one way in, so that every surface opens an encrypted mirror alike."""

from __future__ import annotations

from copilot.settings import Settings
from semantic_layer import SemanticLayer


def open_layer(settings: Settings) -> SemanticLayer:
    """Loads the shipped model over the mirror; raises DefinitionError, MirrorMissingError or MirrorKeyError."""
    return SemanticLayer.load(
        settings.mirror,
        settings.reporting_currency,
        settings.fiscal_year_start,
        encryption_key=settings.encryption_key,
    )
