"""Feeds: what Coupa does not know, from files and addresses of others, dated and checked row by row.

A feed is a row in `declarations.FEEDS`. A file goes through these steps, and none of them trusts the one before:

    formats      bytes -> drafts: one mapping of column to text per row, with its line
    validation   drafts -> typed rows; a bad row is set aside with its line, its field and the reason
    merging      typed rows -> one transaction: new and corrected rows by key, the old version to the past

Loading a file twice changes nothing; a corrected file replaces rows by key; what was known when stays on record.
"""
