"""A supervisor whose children are small stand-ins for Django, with the real PostgreSQL and Valkey.

`python -m emotionsite.supervisor.tests.stand_ins DATA_DIR PORT [FAULT]`, where FAULT names a child that
fails: migrate, demo, web, or worker-stuck for a worker that ignores the wish to end.
"""

import sys
from pathlib import Path

from emotionsite.supervisor import roles
from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.plan import Options, Plan, Role
from emotionsite.supervisor.runner import Supervisor

WEB = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
SLEEP = "import time; print('working', flush=True); time.sleep(3600)"
STUCK = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
FAIL = "import sys; print('the moon is in the wrong house'); sys.exit(7)"
# Uses the owner's role as `migrate` does, and leaves what the demo then needs.
MIGRATE = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS runs (id bigint GENERATED ALWAYS AS IDENTITY)")
"""
DEMO = """
import json, os, pathlib, psycopg
print("Looking at the first photo")
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("INSERT INTO runs DEFAULT VALUES")
    count = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
print(f"This is run {count}")
path = pathlib.Path(os.environ["DATA_DIR"]) / "first-login.json"
login = {"url": os.environ["PUBLIC_URL"], "email": "demo@example.org", "password": "pw-1", "api_key": "es_1"}
if not path.exists():
    path.write_text(json.dumps(login))
"""


def stand_in_plan(options: Options, data: DataDir, fault: str = "") -> Plan:
    """The plan with one child made to fail, or none."""
    python = [sys.executable, "-c"]
    web = [*python, FAIL if fault == "web" else WEB, str(options.port)]
    worker = [*python, STUCK if fault == "worker-stuck" else SLEEP]
    return Plan(
        migrate=[*python, FAIL if fault == "migrate" else MIGRATE],
        demo=[*python, FAIL if fault == "demo" else DEMO],
        roles=[
            Role("web", "The web process", web, 5, first=True),
            Role("beat", "The scheduler", [*python, SLEEP], 5),
            Role("worker", "The worker", worker, 2, first=True),
            Role("batch", "The worker of batches", [*python, SLEEP], 2),
        ],
    )


def main() -> int:
    data_dir, port, fault = [*sys.argv[1:], ""][:3]
    roles.FIRST_PAUSE_SECONDS = 0.1
    options = Options(Path(data_dir), port=int(port))
    return Supervisor(options, lambda chosen, data: stand_in_plan(chosen, data, fault)).run()


if __name__ == "__main__":
    sys.exit(main())
