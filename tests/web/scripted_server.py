"""Starts the page over the scripted engine: `python scripted_server.py STATE_FOLDER`; prints its port."""

from __future__ import annotations

import sys
from pathlib import Path

from scripted_engine import ScriptedEngine

from copilot.errors import CopilotError
from copilot.surfaces.listening import listen, run
from copilot.surfaces.web import create_app


def main() -> None:
    """Serves until it is told to stop."""
    with listen("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0) as listener:
        app = create_app(ScriptedEngine(CopilotError), Path(sys.argv[1]))
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        run(app, listener)


if __name__ == "__main__":
    main()
