"""A Coupa look-alike over HTTP, serving a seeded company whose books add up.

It imitates the read side of Coupa's core API (token, lists, filters, paging, projection, errors, rate limit) and a few
writes, and shares no code with the client that reads it. docs/sandbox.md says what it imitates and what it does not.
"""

from sync.sandbox.company.truths import write_truth
from sync.sandbox.serving import Address, Stage, running, serve

__all__ = ["Address", "Stage", "running", "serve", "write_truth"]
