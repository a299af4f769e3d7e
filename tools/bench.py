"""`make bench`: what the whole path costs beside the bare engine.

Starts its own servers, web process and worker in a temporary folder, then measures in turn, several rounds:

- engine: the photos from their files through `FaceEngine.analyze`, eight at a time, as anybody would call it;
- passes: the same in as many passes of one thread at once as there are processors, as a worker runs it: the
  most this engine gives on this machine;
- path: the same photos uploaded over HTTP by several clients at once, until the last result is stored in the
  database.

All find out what is stored of a face: emotions, age, gender and appearance. Prints photos per second with
their medians, and the share of either engine's throughput that the path costs: 1 - path / engine. Clients,
web process, database and workers share the machine.

Then it measures what a client of `POST /api/v1/detect` waits: on the idle system, and while a batch of 200
photos is analysed on the same machine; and what `POST /face/v1.0/detect` takes longer than the engine alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bench_detect  # noqa: E402
import bench_face  # noqa: E402

from emotionsite.supervisor.embedded import temporary_services  # noqa: E402
from emotionsite.supervisor.files import DataDir  # noqa: E402
from emotionsite.supervisor.plan import Options, site_plan  # noqa: E402

CLIENTS = 4
BOUNDARY = "emotionsite-bench"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
MAX_PATH_COST = 0.15
#: Sample photos of one person each.
ONE_PERSON = ("grace_hopper.jpg", "astronaut.png")
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}

BARE_PROGRAM = """
import json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from PIL import Image
from ml_models import BatchedEngine, FaceEngine

PARTS = {"emotions", "age", "gender", "appearance", "embedding", "quality"}

def decoded(name):
    return np.array(Image.open(name).convert("RGB"))

if sys.argv[1] == "passes":
    passes = os.cpu_count() or 1
    engine = BatchedEngine(FaceEngine.load(threads=1), passes=passes, parts=PARTS)
    def count_faces(names):
        with ThreadPoolExecutor(2 * passes) as pool:
            return sum(pool.map(lambda name: len(engine.analyze_one(decoded(name))), names))
else:
    engine = FaceEngine.load()
    def count_faces(names):
        batches = [names[start:start + 8] for start in range(0, len(names), 8)]
        found = [engine.analyze([decoded(name) for name in batch], parts=PARTS) for batch in batches]
        return sum(len(faces) for some in found for faces in some)

for line in sys.stdin:
    names = json.loads(line)
    start = time.perf_counter()
    faces = count_faces(names)
    print(json.dumps({"seconds": time.perf_counter() - start, "faces": faces}), flush=True)
"""


def make_photos(source: Path, count: int, folder: Path) -> list[Path]:
    """`count` different JPEG files from the pictures of `source`, each a little darker when they repeat."""
    from PIL import Image, ImageEnhance

    originals = sorted(path for path in source.rglob("*") if path.suffix.lower() in PICTURES)
    if not originals:
        raise SystemExit(f"There are no pictures in {source}. Name another folder with --photos.")
    made = []
    for number in range(count):
        image = Image.open(originals[number % len(originals)]).convert("RGB")
        brightness = 1.0 - 0.004 * (number // len(originals))
        path = folder / f"{number:04}.jpg"
        ImageEnhance.Brightness(image).enhance(brightness).save(path, quality=92)
        made.append(path)
    return made


def form_with(path: Path) -> bytes:
    """The body of an upload, put together beforehand: what a client costs is not the path's cost."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


class Site:
    """The processes of `make run` but the scheduler, with servers of their own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        services = stack.enter_context(temporary_services())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            **services.environment,
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": "bench",
            "API_KEY_PEPPERS": f"1:{'ab' * 32}",
            "PUBLIC_URL": self.url,
            "LOG_LEVEL": "WARNING",
            "DEFAULT_REQUESTS_PER_MINUTE": "1000000",
            "DEFAULT_PICTURES_PER_MONTH": "1000000",
            "DJANGO_SETTINGS_MODULE": "emotionsite.settings.development",
        }
        owner = {**self._environment, "DATABASE_URL": services.environment["DATABASE_OWNER_URL"]}
        self._run("manage.py", "migrate", "--verbosity", "0", environment=owner)
        self._folder = folder
        self.processes: dict[str, int] = {}
        plan = site_plan(Options(folder / "data", port=port), DataDir(folder / "data"))
        for role in plan.roles:
            if role.name != "beat":
                self._start(stack, role.name, role.argv, role.environment)
        self.login = json.loads(self._run("manage.py", "create_team", "Bench", "bench@example.org"))
        self.key = self.login["api_key"]
        self._wait()

    def _run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment or self._environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def _start(
        self, stack: ExitStack, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        log = stack.enter_context((self._folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**self._environment, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            # As under `make run`: each process is a session of its own.
            start_new_session=True,
        )
        self.processes[name] = process.pid
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)

    def _wait(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    doctor = self._run_doctor()
                    if doctor.get("worker"):
                        return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        log = (self._folder / "worker.log").read_text(errors="replace")[-2000:]
        raise SystemExit(f"The worker did not get ready within two minutes. The end of its log:\n{log}")

    def _run_doctor(self) -> dict[str, bool]:
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--json"],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return {item["name"]: item["ok"] for item in json.loads(done.stdout)}

    def client(self, connections: int) -> httpx.Client:
        """A client with the team's key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        limits = httpx.Limits(max_connections=connections)
        return httpx.Client(base_url=self.url, headers=headers, timeout=300, limits=limits)

    def analyse(self, photos: list[Path]) -> tuple[float, int]:
        """Upload all photos, wait until every result is stored, delete them; returns seconds and faces."""
        with self.client(CLIENTS) as client:
            bodies = [form_with(path) for path in photos]

            def upload(body: bytes) -> dict[str, str]:
                answer = client.post("/api/v1/media", content=body, headers={"Content-Type": FORM})
                answer.raise_for_status()
                return dict(answer.json())

            start = time.perf_counter()
            with ThreadPoolExecutor(CLIENTS) as pool:
                uploads = list(pool.map(upload, bodies))
            waiting = [item["job_id"] for item in uploads]
            while waiting:
                # The oldest first: while it waits, the later ones need no look.
                job = client.get(f"/api/v1/jobs/{waiting[0]}").raise_for_status().json()
                if job["status"] == "succeeded":
                    waiting.pop(0)
                elif job["status"] in {"failed", "cancelled"}:
                    raise SystemExit(f"A photo could not be analysed: {job['error']}")
                else:
                    time.sleep(0.5)
            seconds = time.perf_counter() - start
            faces = 0
            for item in uploads:
                faces += client.get(f"/api/v1/media/{item['media_id']}").json()["face_count"]
                client.delete(f"/api/v1/media/{item['media_id']}").raise_for_status()
        return seconds, faces


class BareEngine:
    """The engine in a process of its own, with nothing around it."""

    def __init__(self, mode: str, stack: ExitStack) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BARE_PROGRAM, mode],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(self._process.wait, 30)
        stack.callback(self._process.terminate)

    def analyse(self, photos: list[Path]) -> tuple[float, int]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("The engine's process was started without pipes.")
        stdin.write(json.dumps([str(path) for path in photos]) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise SystemExit("The engine's process ended. Run `manage.py doctor` to see why.")
        answer = json.loads(line)
        return float(answer["seconds"]), int(answer["faces"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "samples", help="folder with pictures")
    parser.add_argument("--count", type=int, default=120, help="photos in a round")
    parser.add_argument("--rounds", type=int, default=3, help="0 measures the detections only")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="emotionsite-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "photos").mkdir()
        print(f"Making {arguments.count} photos from {arguments.photos} ...", flush=True)
        photos = make_photos(arguments.photos, arguments.count, folder / "photos")
        print("Starting servers, web process, worker and the bare engines ...", flush=True)
        site = Site(folder, stack)
        measured: dict[str, BareEngine | Site] = {
            "engine": BareEngine("analyze", stack),
            "passes": BareEngine("passes", stack),
            "path": site,
        }
        rates: dict[str, list[float]] = {name: [] for name in measured}
        print("round  " + "".join(f"{name:>8}" for name in measured) + "   photos/s", flush=True)
        for number in range(arguments.rounds + 1):
            found = {}
            # In turn, so that a slower machine for a while hits all. Round 0 only warms up.
            for name, way in measured.items():
                seconds, found[name] = way.analyse(photos if number else photos[:8])
                rates[name].append(len(photos) / seconds)
            if len(set(found.values())) > 1:
                raise SystemExit(f"All must find the same faces, but found {found}: no figure is valid.")
            if number:
                print_row(str(number), [values[-1] for values in rates.values()])
        if arguments.rounds:
            print_costs(rates)
        print_detections(site, photos)
        bench_face.report(site.url, site.key, [ROOT / "samples" / name for name in ONE_PERSON])


def print_costs(rates: dict[str, list[float]]) -> None:
    """What the path costs, from the photos per second of all rounds; the first only warmed up."""
    medians = {name: statistics.median(values[1:]) for name, values in rates.items()}
    print_row("median", list(medians.values()))
    cost, of_most = (1 - medians["path"] / medians[name] for name in ("engine", "passes"))
    verdict = "within" if cost <= MAX_PATH_COST else "OVER"
    print(f"The path costs {cost:.1%} of the engine's throughput ({verdict} {MAX_PATH_COST:.0%}).")
    print(f"It costs {of_most:.1%} of the most the engine gives, passes side by side.")


def print_detections(site: Site, photos: list[Path]) -> None:
    """What a client waits for a detection, alone and beside a batch, and with many others."""
    with site.client(20) as client:
        idle, busy, pace = bench_detect.measure(client, photos)
        rate, many = bench_detect.at_once(client, photos, 20)
    slower = busy.median / idle.median
    verdict = "within" if slower <= bench_detect.MAX_SLOWER else "OVER"
    print(f"Detection, idle:             {idle}")
    print(f"Detection, beside a batch:   {busy}")
    print(
        f"A batch of {bench_detect.BATCH} photos makes the median {slower:.2f} times as long ({verdict} "
        f"{bench_detect.MAX_SLOWER:g})."
    )
    print(f"Meanwhile the batch went on at {pace:.1f} photos a second.")
    print(f"20 clients at once:          {many}, {rate:.1f} a second")
    sizes = ", ".join(f"{name} {memory(pid):.0f} MB" for name, pid in site.processes.items())
    print(f"Memory (resident): {sizes}")


def memory(pid: int) -> float:
    """Resident memory of a process in MB (of 1e6 bytes)."""
    return psutil.Process(pid).memory_info().rss / 1e6


def print_row(name: str, rates: list[float]) -> None:
    print(f"{name:<7}" + "".join(f"{rate:>8.2f}" for rate in rates), flush=True)


if __name__ == "__main__":
    main()
