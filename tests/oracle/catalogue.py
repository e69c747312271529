"""Every figure of the oracle by the name of its metric, and its unit."""

from oracle import figures
from oracle.figures import Figure, open_ap
from oracle.figures_of_obligations import OBLIGATION_BALANCES, OBLIGATION_FLOWS
from oracle.figures_of_timing import TIMING_BALANCES, TIMING_FLOWS, wapt_po

ORDER_FLOWS: dict[str, Figure] = {"wapt_po": wapt_po}
ORDER_FIGURES = ("wapt_po", "grni", "committed_po", "accrual_candidate")
"""Figures of orders, which know their supplier and currency and nothing of the buying entity."""

FLOWS = figures.FLOWS | TIMING_FLOWS | OBLIGATION_FLOWS | ORDER_FLOWS
BALANCES = figures.BALANCES | TIMING_BALANCES | OBLIGATION_BALANCES | {"ap_age_by_invoice_date": open_ap}
FIGURES: dict[str, Figure] = FLOWS | BALANCES
