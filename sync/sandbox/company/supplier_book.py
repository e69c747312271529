"""The supplier base as columns."""

from dataclasses import dataclass, field

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Planted:
    """Rows of the suppliers that carry planted facts."""

    injection: int
    markup: int
    french_long: int
    family: tuple[int, int, int, int]
    ring: tuple[int, int]


@dataclass(frozen=True)
class SupplierBook:
    """All suppliers as columns. Weights are shares of invoices; `term` and the like are rows of the reference tables.

    term_after is the term from the policy day on; second_term the one that some invoices carry instead (or -1).
    scale is a shift of the log invoice value; lateness a habit in days.
    """

    names: tuple[str, ...]
    country: IntArray
    currency: IntArray
    category: IntArray
    entity: IntArray
    second_entity: IntArray
    parent: IntArray
    term: IntArray
    term_after: IntArray
    second_term: IntArray
    weight: FloatArray
    scale: FloatArray
    lateness: FloatArray
    intercompany: BoolArray
    small: IntArray
    accelerated: BoolArray
    planted: Planted
    policy_cohort: BoolArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def fixed_terms(self) -> BoolArray:
        """Suppliers whose terms must stay as they were planted: intercompany, and those with a planted name or term."""
        fixed = self.intercompany.copy()
        planted = self.planted
        fixed[[planted.injection, planted.markup, planted.french_long, *planted.family, *planted.ring]] = True
        return fixed
