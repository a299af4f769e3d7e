"""Requirements are pinned, agree with each other, and those of the worker are enough for the face engine."""

import subprocess
import sys

from tests.deployment_rules import ROOT


def packages_of(name: str) -> dict[str, str]:
    """Package -> version of a requirements file and of those it names."""
    found: dict[str, str] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        words = line.partition("#")[0].partition(";")[0].strip()
        if words.startswith("-r "):
            found |= packages_of(words[3:].strip())
        elif words:
            package, _, version = words.partition("==")
            found[package.partition("[")[0]] = version
    return found


def test_every_package_is_pinned_and_no_file_disagrees_with_another() -> None:
    files = {path.name: packages_of(path.name) for path in (ROOT / "requirements").glob("*.txt")}
    assert set(files) == {"base.txt", "prod.txt", "ml.txt", "train.txt", "dev.txt"}
    assert [(f, p) for f, packages in files.items() for p, version in packages.items() if not version] == []
    everything = files["dev.txt"]
    assert [(f, p) for f, packages in files.items() for p, v in packages.items() if everything[p] != v] == []


def test_the_images_are_free_of_what_only_training_needs() -> None:
    training = {"torch", "torchvision", "facenet-pytorch"}
    assert training <= set(packages_of("train.txt"))
    assert training & {*packages_of("prod.txt"), *packages_of("ml.txt")} == set()


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_worker_s_packages_are_enough_for_the_engine() -> None:
    """What no image has is hidden, and the engine still loads and tells everything of a photo."""
    hidden = [
        *("torch", "torchvision", "facenet_pytorch"),
        *("ml_models.training", "ml_models.evaluation", "ml_models.conversion"),
    ]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden}))\n"
        "import numpy as np; from PIL import Image; from ml_models import FaceEngine\n"
        "photo = np.asarray(Image.open('samples/astronaut.png').convert('RGB'))\n"
        "(face,), = FaceEngine.load(threads=1).analyze([photo])\n"
        "print([name for name in face.__slots__ if getattr(face, name) is None])"
    )
    answer = run_python(program)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"


def test_the_engine_reports_to_nobody() -> None:
    """OpenVINO's package for reports to its maker is installed with it; it must not even be imported."""
    answer = run_python(
        "import sys; from ml_models import FaceEngine; FaceEngine.load(threads=1)\n"
        "print(*(n for n, m in sys.modules.items() if n.startswith('openvino_telemetry') and m is not None))"
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == ""
