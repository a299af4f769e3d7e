"""`python -m ml_models.evaluation PART --data FOLDER [--write FOLDER]`; `all` for every part."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import torch

from ml_models.engine import FaceEngine
from ml_models.evaluation import detection, emotion, landmarks, pose, quality, report, verification

# Parts that need no setting of their own.
OTHER_PARTS = {
    "verification": verification.evaluate,
    "landmarks": landmarks.evaluate,
    "pose": pose.evaluate,
    "quality": quality.evaluate,
}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.evaluation", description=__doc__)
    parser.add_argument("part", choices=["emotion", "detection", *OTHER_PARTS, "all"])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with emotion/, detection/ and the other sets"
    )
    parser.add_argument("--write", type=Path, help="folder for a dated report as JSON and Markdown")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--smallest", type=float, default=24.0, help="lower faces (px) count neither way in detection"
    )
    return parser


def main() -> int:
    """Print the figures; exit code 0."""
    options = arguments().parse_args()
    torch.set_num_threads(options.threads)
    sections = []
    if options.part in ("emotion", "all"):
        sections.append(emotion.evaluate(options.data))
    if options.part in ("detection", "all"):
        sections.append(detection.evaluate(options.data, smallest=options.smallest))
    for name, evaluate in OTHER_PARTS.items():
        if options.part in (name, "all"):
            sections.append(evaluate(options.data))
    for section in sections:
        print(f"\n{section.name}\n" + "\n".join(section.lines))
    if options.write:
        command = shlex.join(
            [
                "python",
                "-m",
                "ml_models.evaluation",
                options.part,
                "--data",
                "DATA",
                "--threads",
                str(options.threads),
            ]
        )
        versions = dict(FaceEngine.load().model_versions)
        for file in report.write(sections, options.write, command, versions):
            print(f"written: {file}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
