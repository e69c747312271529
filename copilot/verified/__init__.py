"""Verified questions: plans that a person has checked, with slots for what may change, an owner and a day of expiry."""
