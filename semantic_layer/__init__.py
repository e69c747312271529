"""Vetted metrics: YAML in, correct SQL out. See layer.py for the whole story."""

from semantic_layer.errors import (
    DefinitionError,
    ExecutionError,
    GuardError,
    IllegalGroupingError,
    MirrorKeyError,
    MirrorMissingError,
    MixedCurrencyError,
    NoDataError,
    QueryError,
    SemanticLayerError,
    TimeLimitError,
    UnknownNameError,
)
from semantic_layer.layer import SemanticLayer
from semantic_layer.model import Dimension, Metric, SemanticModel
from semantic_layer.periods import FiscalCalendar, Grain, Period
from semantic_layer.query import Filter, Having, MetricQuery, Order, RecordQuery, Target, TopPer, Window
from semantic_layer.results import Check, Column, Drill, Lineage, RecordSet, ResultSet, Value

__all__ = [
    "Check",
    "Column",
    "DefinitionError",
    "Dimension",
    "Drill",
    "ExecutionError",
    "Filter",
    "FiscalCalendar",
    "Grain",
    "GuardError",
    "Having",
    "IllegalGroupingError",
    "Lineage",
    "Metric",
    "MetricQuery",
    "MirrorKeyError",
    "MirrorMissingError",
    "MixedCurrencyError",
    "NoDataError",
    "Order",
    "Period",
    "QueryError",
    "RecordQuery",
    "RecordSet",
    "ResultSet",
    "SemanticLayer",
    "SemanticLayerError",
    "SemanticModel",
    "Target",
    "TimeLimitError",
    "TopPer",
    "UnknownNameError",
    "Value",
    "Window",
]
