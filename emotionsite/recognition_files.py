"""Gets published weights of recognition models for `manage.py fetch_weights`, over https or from a file."""

import hashlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

#: Where facenet-pytorch publishes its weights, the file's SHA-256, and the most that is read of an answer.
ADDRESS = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
PUBLISHED_SHA256 = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
MOST_BYTES = 300_000_000
TIMEOUT_SECONDS = 60
CONVERTED = ".safetensors"


class Unfetched(Exception):
    """The weights could not be had; the text says what to do."""


def facenet_weights(*, source: Path | None, sha256: str | None, proxy: str | None) -> bytes:
    """facenet's weights as safetensors: from `source`, or downloaded, checked and converted.

    sha256: of the file that is taken; needed for a converted one, otherwise that of the published file.
    Raises Unfetched.
    """
    if source is not None and source.suffix == CONVERTED:
        if sha256 is None:
            raise Unfetched(
                "Give --sha256 with a converted file: `python -m ml_models.conversion.facenet` printed it."
            )
        return _checked(_read(source), sha256, str(source))
    if find_spec("torch") is None:
        raise Unfetched(
            "The published file is one of PyTorch, which is not installed here. Install "
            "requirements/train.txt, or convert the file on another machine with "
            f"`python -m ml_models.conversion.facenet FILE.pt FILE{CONVERTED}`, and give it with --from and "
            "--sha256."
        )
    content = _download(proxy) if source is None else _read(source)
    wanted = sha256 or PUBLISHED_SHA256
    return _converted(_checked(content, wanted, ADDRESS if source is None else str(source)), wanted)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unfetched(f"{file} cannot be read ({error}): give the path of the weights.") from error


def _download(proxy: str | None) -> bytes:
    """The published file; through `proxy`, or what HTTPS_PROXY says."""
    handlers = [] if proxy is None else [urllib.request.ProxyHandler({"https": proxy})]
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(ADDRESS, timeout=TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read(MOST_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unfetched(
            f"{ADDRESS} cannot be fetched ({reason}): give a proxy with --proxy or HTTPS_PROXY, or fetch "
            "the file elsewhere and give it with --from."
        ) from error
    if len(content) > MOST_BYTES:
        raise Unfetched(f"{ADDRESS} answers with more than {MOST_BYTES} bytes, which is not the file.")
    return content


def _checked(content: bytes, sha256: str, name: str) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256.lower():
        raise Unfetched(
            f"{name} has the SHA-256 {digest}, not {sha256.lower()}. Nothing was changed. Fetch it again; if "
            "you mean this file, give its digest with --sha256."
        )
    return content


def _converted(content: bytes, sha256: str) -> bytes:
    """The same as safetensors, in a process of its own: nothing that runs in production imports PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        original, out = Path(folder, "original.pt"), Path(folder, f"converted{CONVERTED}")
        original.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-m", "ml_models.conversion.facenet", original, out, "--sha256", sha256],
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise Unfetched(f"The file could not be converted: {last}")
        return out.read_bytes()
