"""A hash of what a simulation read: two runs with the same hash, arguments and seed give the same bytes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

import numpy as np


def fingerprint(*values: Any) -> str:
    """SHA-256 of nested dataclasses, arrays, sequences, mappings and plain values, by content (hexadecimal)."""
    found = sha256()
    for value in values:
        _fed(found, value)
    return found.hexdigest()


def _fed(found: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype.str}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        found.update(type(value).__name__.encode())
        for column in fields(value):
            found.update(column.name.encode())
            _fed(found, getattr(value, column.name))
    elif isinstance(value, tuple | list) and value and all(isinstance(item, Decimal) for item in value):
        found.update(f"D[{len(value)}".encode() + "\0".join(map(str, value)).encode() + b"\0")
    elif isinstance(value, tuple | list) and not all(isinstance(item, str) for item in value):
        found.update(f"[{len(value)}".encode())
        for item in value:
            _fed(found, item)
    elif isinstance(value, dict):
        _fed(found, tuple(sorted((str(key), str(item)) for key, item in value.items())))
    else:  # texts, numbers, days; tuples of texts in one go, since there are many
        found.update(repr(value).encode() + b"\0")
