"""Makes `weights/landmarks68.safetensors`: how the 68 points of iBUG follow from the mesh.

    python -m ml_models.conversion.landmarks68 --data DATA --out ml_models/weights

No point of the mesh is exactly a point of iBUG (the jaw least of all), so each of the 68 is its nearest mesh
point plus a weighted sum of the numbers that `landmark_names.views` gives, fitted to hand-drawn points by
ridge regression in the frame of the eyes. Every face counts as it is and mirrored, and with its five points a
little off. `ml_models.evaluation.landmarks` measures it honestly: each fifth of the people is judged by a fit
to the others. Who is the same person is seen from the embeddings, as the pictures are frames of videos that
do not say whom they show.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.evaluation.landmark_data import eye_distances, load_landmarks
from ml_models.evaluation.one_part import middle_face, read_picture
from ml_models.landmark_names import (
    IBUG,
    IBUG_MIRRORED,
    MIRROR,
    Integers,
    LandmarkModel,
    eye_frames,
    mirror_order,
    views,
)
from ml_models.levels import Levels
from ml_models.mesh import Meshes, MeshModel
from ml_models.mesh_graph import EYE_POINTS, IRIS_POINTS, MESH_POINTS

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]

#: Strength of the ridge, when each kind of numbers has a squared length of one on average: a third to three
#: times of it costs 1 % of the error.
RIDGE = 0.002
#: Where one kind of numbers of a view ends and the next begins: mesh, eyes, irises, features.
KINDS = np.cumsum([2 * MESH_POINTS, 4 * EYE_POINTS, 4 * IRIS_POINTS])
#: How far the five points are put off, in distances of the eyes, and how often.
OFF, TIMES = 0.04, 2
#: Embeddings closer than this are taken for one person: rather too many than too few.
SAME_PERSON = 0.36
PARTS = 5


@dataclass(frozen=True)
class Sample:
    """Views of faces and what they should give. inputs: (N, views, D). moves: (N, views, 68, 2), from the
    nearest mesh points to the truth in the frame of the eyes, mirrored in mirrored views.
    """

    inputs: Floats
    moves: Floats


def sample(meshes: Meshes, truth: Numbers, order: Integers) -> Sample:
    """What is to be learnt from meshes and the 68 true points (N, 68, 2) of their faces, in pixels."""
    turn, middle = eye_frames(meshes.points)
    inputs, nearest = views(meshes, order)
    moves = (truth - middle[:, None]) @ turn.transpose(0, 2, 1) - nearest
    mirrored = moves[:, IBUG_MIRRORED] * MIRROR
    both = [mirrored if number else moves for number in range(len(inputs))]
    return Sample(np.stack(inputs, axis=1), np.stack(both, axis=1).astype(np.float32))


def fitted(samples: Sequence[Sample], ridge: float = RIDGE) -> tuple[Floats, Floats]:
    """Weights (D + 1, 136) and shift (2,) for `LandmarkModel` from samples of the same faces.

    What all faces are off to one side is not a matter of the face, and mirrored views must not hide it: it
    becomes the shift.
    """
    shift = np.array([np.mean([some.moves[:, 0, :, 0].mean() for some in samples]), 0], dtype=np.float32)
    inputs, moves = [], []
    for some in samples:
        for number in range(some.inputs.shape[1]):
            inputs.append(some.inputs[:, number])
            moves.append(some.moves[:, number] - (shift * MIRROR if number else shift))
    x = np.concatenate(inputs).astype(np.float64)
    y = np.concatenate(moves).reshape(len(x), -1).astype(np.float64)
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    x -= centre
    scale = np.empty(x.shape[1])
    for kind in np.split(np.arange(x.shape[1]), KINDS):
        scale[kind] = 1 / np.sqrt(max((x[:, kind] ** 2).sum(axis=1).mean(), 1e-12))
    x *= scale
    within = x.T @ x + ridge * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(within, x.T @ (y - mean)) * scale[:, None]
    return np.vstack([weights, mean - centre @ weights]).astype(np.float32), shift


def people(embeddings: Floats, limit: float = SAME_PERSON) -> Integers:
    """A number for every face (N,), the same for faces that are linked by embeddings closer than a limit."""
    near = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2) < limit
    number = np.arange(len(near))
    while True:
        # Everyone takes the least number among those near, until nobody changes.
        least = np.where(near, number[None], len(near)).min(axis=1)
        if (least == number).all():
            return number
        number = least


def parted(person: Integers, parts: int = PARTS) -> Integers:
    """A part for every face (N,), nobody in two, of about the same size: the largest groups first."""
    names, counts = np.unique(person, return_counts=True)
    answer, size = np.empty(len(person), dtype=np.intp), np.zeros(parts, dtype=int)
    for place in np.argsort(-counts, kind="stable"):
        least = int(size.argmin())
        answer[person == names[place]] = least
        size[least] += counts[place]
    return answer


def cross_validated(samples: Sequence[Sample], meshes: Meshes, part: Integers, order: Integers) -> Floats:
    """The 68 points (N, 68, 2) in pixels of faces, each by a fit to the other parts of the samples."""
    guess = np.empty((len(part), len(IBUG), 2), dtype=np.float32)
    for one in np.unique(part):
        others = [Sample(some.inputs[part != one], some.moves[part != one]) for some in samples]
        guess[part == one] = LandmarkModel(*fitted(others), order).ibug_points(chosen(meshes, part == one))
    return guess


def chosen(meshes: Meshes, which: NDArray[np.bool_]) -> Meshes:
    """Some of the meshes."""
    return Meshes(
        meshes.points[which],
        meshes.iris[which],
        meshes.eyes[which],
        meshes.confidence[which],
        meshes.features[which],
    )


def samples_of(
    model: MeshModel, levels: Sequence[Levels], points: Floats, truth: Numbers, order: Integers
) -> list[Sample]:
    """Samples of the faces of some pictures, one each: with their five points (N, 5, 2) as they are, and a
    little off, as other detectors would see them.
    """
    eyes, _ = eye_distances(truth)
    rng = np.random.default_rng(1)
    samples = []
    for time in tqdm(range(TIMES + 1), desc="meshes"):
        off = rng.normal(0, OFF * (time > 0), points.shape) * eyes[:, None, None]
        samples.append(sample(model.meshes(levels, list((points + off)[:, None])), truth, order))
    return samples


def main() -> int:
    """Write the file and print its checksum for `weights/manifest.json`."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.conversion.landmarks68", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    files, truth = load_landmarks(options.data)
    detector = FaceDetector.load()
    levels = [Levels(read_picture(file)) for file in files]
    points = np.stack([middle_face(detector, one)[0] for one in tqdm(levels, desc="faces", unit="face")])
    weights, shift = fitted(samples_of(MeshModel.load(), levels, points, truth, mirror_order()))
    file = options.out / "landmarks68.safetensors"
    # Half the size; the rounding is a thousandth of what is added.
    save_file({"weights": weights.astype(np.float16), "shift": shift}, file)
    file.chmod(0o644)
    print(f"{file}  {hashlib.sha256(file.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
