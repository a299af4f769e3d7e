"""Makes `weights/landmarks68.safetensors`: how the 68 points of iBUG follow from the 468 of the mesh.

    python -m ml_models.conversion.landmarks68 --data DATA --out ml_models/weights

No point of the mesh is exactly a point of iBUG (the jaw least of all), so each of the 68 is its nearest mesh
point plus weights over all of them, fitted to hand-drawn points by ridge regression in the frame of the eyes.
The error printed is honest: each fifth of the pictures, in their order, is judged by a fit to the others.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.evaluation.landmarks import eye_distances, load_landmarks
from ml_models.evaluation.one_part import middle_face, read_picture
from ml_models.landmark_names import IBUG, eye_frames
from ml_models.mesh import MeshModel

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]
#: Strength of the ridge, in squared distances of the eyes: a tenth to ten times of it costs 1 % of the error.
RIDGE = 0.1


def fitted(points: Numbers, truth: Numbers, ridge: float = RIDGE) -> Floats:
    """Weights (68, 468) from meshes (N, 468, 2) and points (N, 68, 2), both in the frame of the eyes."""
    inputs = points.transpose(0, 2, 1).reshape(-1, points.shape[1]).astype(np.float64)
    targets = (truth - points[:, IBUG]).transpose(0, 2, 1).reshape(-1, len(IBUG))
    extra = np.linalg.solve(inputs.T @ inputs + ridge * np.eye(inputs.shape[1]), inputs.T @ targets).T
    extra[np.arange(len(IBUG)), IBUG] += 1
    # safetensors writes memory as it lies: rows must follow each other.
    return np.ascontiguousarray(extra, dtype=np.float32)


def main() -> int:
    """Write the file, print the cross-validated error and the checksum for `weights/manifest.json`."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.conversion.landmarks68", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    files, truth = load_landmarks(options.data)
    detector, model, meshes = FaceDetector(), MeshModel.load(), []
    for file in tqdm(files, desc="faces", unit="face"):
        picture = read_picture(file)
        meshes.append(model.meshes([picture], [middle_face(detector, picture)[0][None]]).points[0])
    points = np.stack(meshes)
    turn, middle = eye_frames(points)
    own = (points[..., :2] - middle[:, None]) @ turn.transpose(0, 2, 1)
    theirs = (truth - middle[:, None]) @ turn.transpose(0, 2, 1)
    part = np.arange(len(own)) * 5 // len(own)
    guess = np.empty_like(theirs)
    for one in range(5):
        guess[part == one] = fitted(own[part != one], theirs[part != one]) @ own[part == one]
    middles, corners = eye_distances(theirs)
    error = np.linalg.norm(guess - theirs, axis=2).mean(axis=1)
    print(f"cross-validated: {(error / middles).mean():.4f} of the distance between the eyes' middles,")
    print(f"                 {(error / corners).mean():.4f} of the distance between their outer corners")
    file = options.out / "landmarks68.safetensors"
    save_file({"weights": fitted(own, theirs)}, file)
    file.chmod(0o644)
    print(f"{file}  {hashlib.sha256(file.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
