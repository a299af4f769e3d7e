"""Runs the models of `ml_models.recognition`: all of them behind one interface."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_models.recognition import (
    DEFAULT,
    Description,
    RecognitionModel,
    canonical,
    default_model,
    describe,
    recognition_model,
)

if TYPE_CHECKING:
    from ml_models.embedding import EmbeddingModel
    from ml_models.levels import Levels
    from ml_models.mesh import MeshModel

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]


class RecognitionNet(Protocol):
    """A recognition model with its weights. Threads may share it."""

    @property
    def model(self) -> RecognitionModel:
        """Which model it is."""
        ...

    def embeddings(
        self,
        levels: Sequence[Levels],
        landmarks5: Sequence[Numbers],
        meshes: Sequence[Numbers] | None = None,
    ) -> Floats:
        """The embeddings of the faces of some pictures, picture by picture: float32 (N, d) of length 1.

        landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. meshes: for each the
        points of its faces' meshes, (n, 468, 3) in pixels, where the caller has them already. A face gets
        the same answer alone and among others. Raises ValueError when the lengths differ, for another shape
        or points that are not finite.
        """
        ...


class DefaultNet:
    """dlib's network on two views of a face (`ml_models.embedding`); makes the meshes it is not given."""

    def __init__(self, embedding: EmbeddingModel, mesh: MeshModel) -> None:
        self.model = default_model()
        self._embedding, self._mesh = embedding, mesh

    @classmethod
    def load(cls, streams: int = 1) -> DefaultNet:
        """Load and verify the weights; WeightError when a file is missing or altered."""
        from ml_models.embedding import EmbeddingModel
        from ml_models.mesh import MeshModel

        return cls(EmbeddingModel.load(streams), MeshModel.load(streams))

    def embeddings(
        self,
        levels: Sequence[Levels],
        landmarks5: Sequence[Numbers],
        meshes: Sequence[Numbers] | None = None,
    ) -> Floats:
        """See `RecognitionNet.embeddings`."""
        if meshes is None:
            surfaces = self._mesh.surfaces(levels, landmarks5)
            meshes = np.split(surfaces, np.cumsum([len(points) for points in landmarks5])[:-1])
        return self._embedding.embeddings(levels, landmarks5, meshes[: len(levels)])


def load_recognition(name: str | None, streams: int = 1) -> RecognitionNet:
    """Load and verify a model by its name or another name for it (`ml_models.recognition.canonical`).

    streams: how many threads may compute at a time. Raises WeightError when it is not there, or when a file
    is missing or altered.
    """
    own = canonical(name)
    return DefaultNet.load(streams) if own == DEFAULT else further_net(describe(own), streams)


def further_net(description: Description, streams: int = 1) -> RecognitionNet:
    """Load and verify the weights of a further model; WeightError when they cannot be used."""
    from ml_models.further_nets import FurtherNet

    return FurtherNet.load(description, streams)


class LoadedNets:
    """The further models of one engine, each loaded when it is asked for first. Threads may share it."""

    def __init__(self, streams: int) -> None:
        self._streams = streams
        self._lock = threading.Lock()
        self._nets: dict[str, RecognitionNet] = {}

    def model(self, name: str | None) -> RecognitionModel:
        """The model of this name, loaded; the engine has the default's weights already."""
        net = self.other(name)
        return default_model() if net is None else net.model

    def other(self, name: str | None) -> RecognitionNet | None:
        """The net of this name, None for the default model. WeightError when it cannot be used."""
        own = canonical(name)
        if own == DEFAULT:
            return None
        with self._lock:
            model = recognition_model(own)
            # An operator may have replaced the files since.
            if own not in self._nets or self._nets[own].model != model:
                self._nets[own] = load_recognition(own, self._streams)
            return self._nets[own]
