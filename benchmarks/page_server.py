"""A server that costs next to nothing: pages of records that the sandbox rendered beforehand, by key or by offset.

    python benchmarks/page_server.py RECORDS_FILE [--delay 0.1] [--rate-limit]

So that a benchmark measures who reads, not who serves. Prints its address, then serves until it is killed. With
--rate-limit it refuses as Coupa does (25 a second, 20 at once); /refused tells how often it did.
"""

import argparse
import asyncio
import bisect
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from sync.sandbox.throttle import LeakyBucket

TOKEN = json.dumps({"access_token": "t", "token_type": "bearer", "expires_in": 86_399}).encode()


class Pages:
    """The records in order of id, and how they are answered."""

    def __init__(self, file: Path, delay: float, bucket: LeakyBucket | None) -> None:
        self.records = file.read_bytes().split(b"\n")
        self.ids = [int(record[6 : record.index(b",")]) for record in self.records]
        self.delay = delay
        self.bucket = bucket
        self.refused = self.calls = 0

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """Status and body."""
        if path == "/oauth2/token":
            return 200, TOKEN
        if path == "/refused":
            return 200, json.dumps({"refused": self.refused, "calls": self.calls}).encode()
        self.calls += 1
        if self.bucket is not None and not self.bucket.admit(time.monotonic()):
            self.refused += 1
            return 429, b"{}"
        limit = int(query.get("limit", "50"))
        start = bisect.bisect_right(self.ids, int(query.get("id[gt]", "0"))) + int(query.get("offset", "0"))
        found = self.records[start : start + limit]
        if query.get("dir") == "desc":
            found = self.records[max(start, len(self.records) - limit) :]
        return 200, b"[" + b",".join(found) + b"]"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        await receive()
        status, body = self.answer(scope["path"], dict(parse_qsl(scope["query_string"].decode())))
        if self.delay and scope["path"].startswith("/api"):
            await asyncio.sleep(self.delay)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serves until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--rate-limit", action="store_true")
    given = parser.parse_args()
    pages = Pages(given.file, given.delay, LeakyBucket() if given.rate_limit else None)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(pages, log_level="error", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
