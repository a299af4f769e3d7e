"""Makes `weights/face_shape.safetensors`, the rigid face that head poses are fitted with, from portraits.

    python -m ml_models.conversion.face_shape --pictures DATA/verification/lfw --most 500 \\
        --out ml_models/weights

The meshes of all faces are turned, scaled and shifted onto their mean until it stands still (generalised
Procrustes analysis). Every mesh counts a second time as its mirror image, so that yaw and roll are zero where
a face is the same on both sides; which points pair up is seen from the meshes of mirrored pictures. Pitch is
zero at the median of the portraits, whose people look at a camera at about the height of their eyes. A
point's weight is one over how much it moves about that mean.
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
from ml_models.evaluation.one_part import middle_face, read_picture
from ml_models.head_pose import angles, fit, rotations
from ml_models.landmark_names import EYE_CORNERS
from ml_models.levels import Levels
from ml_models.mesh import MeshModel

Floats = NDArray[np.float32]
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
#: Points that move more than this share of the eyes' distance about the mean say nothing about the head.
LOOSE = 0.10
#: Faces whose mirror images are looked at too.
PAIRED = 100


def meshes_of(folder: Path, most: int) -> tuple[Floats, Floats]:
    """Meshes (N, 468, 3) of the faces found in at most so many pictures of a folder, and of the mirror images
    of the first hundred, mirrored back, (M, 468, 3).
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)[:most]
    # Looking at mirror images too would need to know what pairs up.
    detector, model = FaceDetector.load(), MeshModel.load(flip=False)
    found: list[Floats] = []
    back: list[Floats] = []
    for file in tqdm(files, desc="faces", unit="face"):
        picture = read_picture(file)
        levels = Levels(picture)
        points, seen = middle_face(detector, levels)
        meshes = model.meshes([levels], [points[None]])
        if not seen or meshes.confidence[0] < 0.9:
            continue
        found.append(meshes.points[0])
        if len(back) < PAIRED:
            width = picture.shape[1]
            swapped = (points * [-1, 1] + [width, 0])[[1, 0, 2, 4, 3]]
            mirrored = Levels(picture[:, ::-1])
            back.append(model.surfaces([mirrored], [swapped[None]])[0] * [-1, 1, 1] + [width, 0, 0])
    if len(found) < PAIRED:
        raise SystemExit(f"{folder} has {len(found)} clear faces: give a folder with at least {PAIRED}.")
    return np.stack(found), np.stack(back).astype(np.float32)


def mirror_order(points: Floats, back: Floats) -> NDArray[np.int64]:
    """For every point the one on the other side of the face, (K,), from meshes of pictures (N, K, 3) and of
    their mirror images, mirrored back. Raises ValueError when they do not pair up.
    """
    size = np.linalg.norm(points[:, EYE_CORNERS[0]] - points[:, EYE_CORNERS[3]], axis=1)
    far = np.zeros((points.shape[1],) * 2)
    for one, other, unit in zip(points, back, size, strict=True):
        far += np.linalg.norm(one[:, None] - other[None], axis=2) / unit
    # The nearest pairs first, each point once; a point of the middle pairs with itself.
    both = np.triu(far + far.T) / (2 * len(back))
    rows, columns = np.triu_indices(len(both))
    order = np.full(len(both), -1, dtype=np.int64)
    for one in np.argsort(both[rows, columns], kind="stable"):
        left, right = rows[one], columns[one]
        if order[left] < 0 and order[right] < 0:
            order[left], order[right] = right, left
    if both[np.minimum(np.arange(len(both)), order), np.maximum(np.arange(len(both)), order)].max() > LOOSE:
        raise ValueError("The points of the mesh do not pair up left and right: give more portraits.")
    return order


def laid_onto(shape: Floats, points: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Meshes (N, K, 3) turned, scaled and shifted onto a shape, and their rotations (N, 3, 3)."""
    rotation, _ = fit(shape, points, weights)
    share = (weights / weights.sum())[None, :, None]
    own, middle = points - (points * share).sum(axis=1, keepdims=True), (shape * share[0]).sum(axis=0)
    back = own @ rotation
    size = (back * (shape - middle) * share).sum(axis=(1, 2)) / (back**2 * share).sum(axis=(1, 2))
    return (back * size[:, None, None] + middle).astype(np.float32), rotation


def standardised(shape: Floats) -> Floats:
    """A shape with its middle at the eyes' and the eyes one unit apart."""
    eyes = shape[EYE_CORNERS].reshape(2, 2, 3).mean(axis=1)
    return ((shape - eyes.mean(axis=0)) / np.linalg.norm(eyes[0] - eyes[1])).astype(np.float32)


def rigid_face(points: Floats, order: NDArray[np.int64], rounds: int = 8) -> tuple[Floats, Floats]:
    """The mean shape (468, 3) of meshes and how rigid each of its points is (468,), summing to 1."""
    middle = points - points.mean(axis=1, keepdims=True)
    both = np.concatenate([middle, middle[:, order] * [-1, 1, 1]]).astype(np.float32)
    weights = np.ones(points.shape[1], dtype=np.float32)
    shape = standardised(both.mean(axis=0))
    for _ in range(rounds):
        laid, rotation = laid_onto(shape, both, weights)
        moved = np.sqrt(((laid - shape) ** 2).sum(axis=2).mean(axis=0))
        moved = (moved + moved[order]) / 2
        weights = np.where(moved < LOOSE, 1 / (moved**2 + 1e-4), 0).astype(np.float32)
        # The pitch of the median face becomes zero; mirror images cancel yaw and roll.
        zero = np.zeros(1, dtype=np.float32)
        turn = rotations(zero, np.array([np.median(angles(rotation)[1])]), zero)[0]
        shape = standardised(laid.mean(axis=0) @ turn.T)
    return shape, (weights / weights.sum()).astype(np.float32)


def main() -> int:
    """Write the file and print its checksum for `weights/manifest.json`."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.conversion.face_shape", description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=2000, help="pictures to use at most")
    options = parser.parse_args()
    points, back = meshes_of(options.pictures, options.most)
    shape, weights = rigid_face(points, mirror_order(points[: len(back)], back))
    file = options.out / "face_shape.safetensors"
    save_file({"shape": np.ascontiguousarray(shape), "weights": weights}, file)
    file.chmod(0o644)
    print(f"{file}  {hashlib.sha256(file.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
