"""What will probably happen: pure functions from ledger rows to distributions. No SQL, no clock, no language model.

ledger            rows of the semantic layer -> one columnar ledger that can be cut back to any past day
payment_timing    when an open document is paid: a censoring-safe hazard relative to the due date, by weekday
new_business      documents yet to be recognised, drawn from whole days of recent history
roll_forward      the Monte-Carlo walk: payables and purchases per path at each date of a grid
backtest          the same walk from past origins, scored against what then happened
"""
