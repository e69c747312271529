"""Whether it pays to follow Tenor: pilots that are drawn and registered first, and judged against a holdout after."""
