"""What to do next: which discounts to take with the cash there is, and why others were missed."""
