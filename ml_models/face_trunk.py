"""One pass over a face that serves several answers: the recognition network with the emotion head on it.

dlib's network gives the embedding; the emotion head reads layers on the way (`ml_models.emotion_head_net`),
and the attribute network goes on from one of them (`ml_models.attribute_net`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models import dlib_file
from ml_models.alignment import crops_of, five_points, similarities
from ml_models.dlib_file import DlibFileError
from ml_models.embedding_net import SIZE, layers
from ml_models.emotion_graphs import TAPS, emotion_head
from ml_models.levels import Levels
from ml_models.registry import WeightError, weight
from ml_models.runtime import Network, Node

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

WEIGHTS = "dlib-face"
#: Where MTCNN's five points stand in the crop: where dlib's crop has them, 3 % larger about the middle and 2
#: px to the right, as MTCNN sees faces too far right (docs/models/recognition.md).
TEMPLATE = np.array([[48.7, 45.7], [103.2, 45.7], [76.0, 81.2], [51.7, 103.9], [100.3, 103.9]])
#: How much each of the five points counts: the nose moves most when a head turns.
POINT_WEIGHTS = np.array([1.0, 1.0, 0.3, 1.0, 1.0])
HEAD_WEIGHTS = "emotion-head-v1"
#: What one pass can give, in the order of `TrunkAnswers`.
ANSWERS = ("embedding", "emotion", "features")


@dataclass(frozen=True)
class TrunkAnswers:
    """What one pass gives of N crops; all float32.

    embedding: (N, 128), not normalised. emotion: (N, 8), the head's logits before calibration. features:
    (N, 64, 17, 17), the answer of the recognition network's block 6.
    """

    embedding: Floats
    emotion: Floats
    features: Floats


def face_crops(levels: Sequence[Levels], landmarks5: Sequence[NDArray[np.floating]]) -> Pixels:
    """The crops uint8 (N, 150, 150, 3) of the faces of some pictures, aligned for the recognition network.

    landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. Raises ValueError when the
    lengths differ or points are not finite.
    """
    points = five_points(landmarks5, len(levels))
    return crops_of(levels, [similarities(TEMPLATE, some, POINT_WEIGHTS) for some in points], (SIZE, SIZE))


class FaceTrunk:
    """The network with its verified weights. Threads may share it.

    For sets of answers that leave layers out there are graphs of their own, each compiled when it is asked
    for first.
    """

    def __init__(self, parameter: Any, outputs: Mapping[str, Node], streams: int, exact: bool) -> None:
        self._parameter, self._outputs, self._streams, self._exact = parameter, outputs, streams, exact
        self._lock = threading.Lock()
        self._nets: dict[frozenset[str], Network] = {}
        self._net(frozenset(ANSWERS))

    @classmethod
    def load(cls, streams: int = 1, *, exact: bool = False) -> FaceTrunk:
        """Load and verify the weights; WeightError when a file is missing, altered or cannot be read.

        streams: how many threads may compute at a time. exact: see `ml_models.runtime.Network`.
        """
        return cls.of(load_file(weight(HEAD_WEIGHTS).verified()), streams, exact=exact)

    @classmethod
    def of(cls, head: Mapping[str, NDArray[Any]], streams: int = 1, *, exact: bool = False) -> FaceTrunk:
        """The same with the weights of another emotion head, by name."""
        try:
            parameter, blocks, embedding = layers(dlib_file.read(weight(WEIGHTS).verified()))
        except DlibFileError as error:
            raise WeightError(f"The weights {WEIGHTS} cannot be read: {error}") from error
        outputs = (embedding, emotion_head(head, blocks, embedding), blocks[TAPS[0]])
        return cls(parameter, dict(zip(ANSWERS, outputs, strict=True)), streams, exact)

    def embed(self, crops: Pixels) -> Floats:
        """The embeddings (N, 128) of `run` alone, in four fifths of its time."""
        found: Floats = self._net(frozenset({"embedding"})).run(crops)[0]
        return found

    def run(self, crops: Pixels) -> TrunkAnswers:
        """The answers to aligned crops, uint8 (N, 150, 150, 3); N may be 0."""
        return TrunkAnswers(**self.some(crops, frozenset(ANSWERS)))

    def some(self, crops: Pixels, wanted: frozenset[str]) -> dict[str, Floats]:
        """Those answers of `run` that are wanted, of `ANSWERS`, and the same numbers.

        The emotion head is not run when nobody wants it, nor the upper half for the features alone. They are
        an answer of every such graph: without that half precision rounds elsewhere.
        """
        # The head reads the whole network, so with it nothing is left to leave out.
        run = frozenset(ANSWERS) if "emotion" in wanted else wanted | {"features"}
        names = [name for name in ANSWERS if name in run]
        return dict(zip(names, self._net(run).run(crops), strict=True))

    def _net(self, wanted: frozenset[str]) -> Network:
        with self._lock:
            if wanted not in self._nets:
                outputs = [self._outputs[name] for name in ANSWERS if name in wanted]
                self._nets[wanted] = Network(
                    self._parameter, outputs, name=WEIGHTS, exact=self._exact, streams=self._streams
                )
            return self._nets[wanted]
