"""Where settings come from: the process environment first, then `DATA_DIR/run/services.env`.

The supervisor writes that file when it starts the embedded servers, so that every `manage.py` command
finds the servers of its own data folder without anything being exported by hand.
"""

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE_DIR / "var").resolve()
SERVICES_FILE = DATA_DIR / "run" / "services.env"

env = environ.Env()


def load_services_file() -> None:
    """Read the supervisor's file; what is already in the environment wins."""
    # A file of another user (mode 600) is not an error here: `manage.py doctor` says what is missing.
    if os.access(SERVICES_FILE, os.R_OK):
        environ.Env.read_env(str(SERVICES_FILE), overwrite=False)


load_services_file()
