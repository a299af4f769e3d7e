"""Recognition models that an operator adds: cut the face out as the model wants it, run it, make one long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from ml_models.alignment import crops_of, five_points, mirrored, similarities
from ml_models.embedding import unit
from ml_models.facenet_graph import LENGTH, MEAN, SCALE, SIZE, facenet
from ml_models.levels import Levels
from ml_models.recognition import Description, RecognitionModel
from ml_models.registry import WeightError
from ml_models.runtime import Network

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]
Pixels = NDArray[np.uint8]

#: Where MTCNN's five points stand in the square, in shares of its side, by the name of the alignment, and how
#: many times as high as wide a face's piece of the picture is.
#: arcface: the points of Deng et al. (2019) in 112 px; they count from the middle of the first pixel.
#: facenet: the mean over 198 LFW portraits of what facenet-pytorch's own MTCNN cuts out: its box with 10 %
#: more on each axis, which is higher than wide and is pressed into the square.
TEMPLATES: dict[str, tuple[Numbers, float]] = {
    "arcface": (
        (np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]]) + 0.5)
        / 112,
        1.0,
    ),
    "facenet": (
        np.array([[51.9, 63.4], [117.4, 63.4], [86.5, 92.4], [56.7, 117.5], [114.5, 117.5]]) / 160,
        1.334,
    ),
}

#: Crops uint8 RGB (N, side, side, 3) in, raw answers float32 (N, d) out. Threads may share it.
Runner = Callable[[Pixels], Floats]


def aligned_crops(
    levels: Sequence[Levels], landmarks5: Sequence[Numbers], alignment: str, side: int
) -> Pixels:
    """The crops uint8 (N, side, side, 3) of the faces of some pictures, picture by picture.

    landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. alignment: of `TEMPLATES`.
    Raises ValueError when the lengths differ, for another shape or points that are not finite.
    """
    shares, stretch = TEMPLATES[alignment]
    own = shares * side * [1.0, stretch]
    regions = []
    for points in five_points(landmarks5, len(levels)):
        matrices = similarities(own, points)
        matrices[:, :, 1] *= stretch
        regions.append(matrices)
    return crops_of(levels, regions, (side, side))


class FurtherNet:
    """A further model with its verified weights; it is a `RecognitionNet`. Threads may share it."""

    def __init__(self, description: Description, runner: Runner) -> None:
        self._description, self._runner = description, runner
        self.model: RecognitionModel = description.model

    @classmethod
    def load(cls, description: Description, streams: int = 1) -> FurtherNet:
        """Load and verify the weights; WeightError when they are missing, altered or of another network.

        streams: how many threads may compute at a time.
        """
        content = description.content()
        if description.kind == "facenet":
            return cls(description, facenet_runner(content, streams))
        from ml_models.onnx_runner import OnnxRunner

        runner = OnnxRunner(
            content,
            mean=description.mean,
            scale=description.scale,
            channels=description.channels,
            streams=streams,
        )
        if (runner.side, runner.dimension) != (description.input_size, description.dimension):
            raise WeightError(
                f"The recognition model {description.name} takes {runner.side} pixels and gives "
                f"{runner.dimension} numbers, its description says {description.input_size} and "
                f"{description.dimension}: add it again with `manage.py add_recognition_model`."
            )
        return cls(description, runner)

    def embeddings(
        self,
        levels: Sequence[Levels],
        landmarks5: Sequence[Numbers],
        meshes: Sequence[Numbers] | None = None,
    ) -> Floats:
        """See `ml_models.recognition_nets.RecognitionNet.embeddings`; the meshes are not looked at.

        Raises WeightError when the model gives something else than finite numbers.
        """
        crops = aligned_crops(levels, landmarks5, self._description.alignment, self._description.input_size)
        if not len(crops):
            return np.zeros((0, self.model.dimension), dtype=np.float32)
        found = self._once(crops)
        return unit(found + self._once(mirrored(crops))) if self._description.flip else found

    def _once(self, crops: Pixels) -> Floats:
        found = self._runner(crops)
        if not np.isfinite(found).all():
            raise WeightError(
                f"The recognition model {self.model.name} gave a face numbers that are not finite: its file, "
                "mean or scale is wrong, add it again."
            )
        return unit(found)


def facenet_runner(content: bytes, streams: int = 1, *, exact: bool = False) -> Runner:
    """InceptionResnetV1 with the weights in a safetensors file; WeightError when they are another network's.

    exact: see `ml_models.runtime.Network`.
    """
    try:
        parameter, embedding = facenet(load(content))
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise WeightError(
            f"The file does not hold the weights of InceptionResnetV1 ({error}): run "
            "`manage.py fetch_weights facenet-vggface2` again."
        ) from error
    network = Network(parameter, [embedding], name="facenet", exact=exact, streams=streams)
    return lambda crops: network.run(crops)[0]


#: What the description of a facenet model says of how it is run.
FACENET_INPUT = {
    "kind": "facenet",
    "dimension": LENGTH,
    "input_size": SIZE,
    "mean": MEAN,
    "scale": SCALE,
    "alignment": "facenet",
    "channels": "rgb",
}
