"""`python -m emotionsite.supervisor run|stop|status`; `make run` is the short way."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emotionsite.supervisor", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("run", "start everything and stay in the foreground"),
        ("stop", "stop the run on a data folder"),
        ("status", "say what runs on a data folder"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--data-dir", type=Path, default=Path("var"), help="default: var")
        if name == "run":
            command.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
            command.add_argument("--port", type=int, default=8000, help="default: 8000")
    return parser


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        from emotionsite.supervisor import control
        from emotionsite.supervisor.plan import Options
        from emotionsite.supervisor.runner import Supervisor
    except ModuleNotFoundError as error:
        print(f"The package {error.name} is missing: run `make setup`, then start again.", file=sys.stderr)
        return 1
    if chosen.command == "stop":
        return control.stop(chosen.data_dir)
    if chosen.command == "status":
        return control.status(chosen.data_dir)
    return Supervisor(Options(chosen.data_dir, chosen.host, chosen.port)).run()


if __name__ == "__main__":
    sys.exit(main())
