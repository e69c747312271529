"""A socket to listen on and a server over it, for every surface that speaks HTTP."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from copilot.errors import PageError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; a PageError if the port is taken. Port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise PageError(
            f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with --port."
        ) from error


def run(app: FastAPI, listener: socket.socket) -> None:
    """Serves until the process is told to stop; open pages get three seconds to finish."""
    server(app).run(sockets=[listener])


def server(app: FastAPI) -> uvicorn.Server:
    """The server for an application, not yet started."""
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="on", server_header=False, timeout_graceful_shutdown=3)
    )
