"""Says of detected faces what they show: runs the networks that were asked for, each crop cut once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml_models.attributes import AttributeFields, AttributeModel
from ml_models.embedding import EmbeddingModel, SecondView
from ml_models.emotion import EmotionModel
from ml_models.eyes import Eyes as EyeMeasures
from ml_models.eyes import measure
from ml_models.face_trunk import FaceTrunk, face_crops
from ml_models.head_pose import HeadPoseModel, HeadPoses
from ml_models.landmark_names import LandmarkModel
from ml_models.levels import Levels
from ml_models.mesh import Meshes, MeshModel
from ml_models.quality import Qualities, QualityModel, for_recognition
from ml_models.recognition import DEFAULT_WEIGHTS, default_model
from ml_models.registry import weight
from ml_models.types import ATTRIBUTE_PARTS, Eyes, HeadPose, Landmarks, Quality

if TYPE_CHECKING:
    from ml_models.attribute_types import FaceAttributes
    from ml_models.detection import FaceDetector
    from ml_models.recognition_nets import RecognitionNet
    from ml_models.types import Picture

Floats = NDArray[np.float32]

#: Weights behind what a face is said to show.
WEIGHTS: dict[str, tuple[str, ...]] = {
    "detection": ("mtcnn",),
    "emotion": ("emotion-v1", "emotion-head-v1"),
    "recognition": DEFAULT_WEIGHTS,
    "attributes": ("attributes-v1",),
    "landmarks": ("face-mesh", "iris", "face-shape", "landmarks68"),
}


_T = TypeVar("_T", covariant=True)


class Answer(Protocol[_T]):
    """The answer of work that may be going on in another thread, such as a Future."""

    def result(self) -> _T:
        """The answer, waited for; raises what the work raised."""


class Later(Generic[_T]):
    """Work that is done when its answer is asked for, once."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work

    def result(self) -> _T:
        return self._work()


#: Takes work, to be done now in another thread or later in this one.
Beside = Callable[[Callable[[], Any]], Answer[Any]]


class Description(AttributeFields, total=False):
    """What `Face` holds beside box, confidence and five points; only what was asked for."""

    emotions: Floats
    embedding: Floats
    landmarks: Landmarks
    head_pose: HeadPose
    eyes: Eyes
    quality: Quality


class FaceDescriber:
    """All networks behind the detector. Threads may share it: it keeps no state."""

    def __init__(self, streams: int) -> None:
        self._trunk = FaceTrunk.load(streams)
        self._emotion = EmotionModel.load(streams)
        self._embedding = EmbeddingModel(self._trunk, SecondView.load())
        self._attributes = AttributeModel.load(streams)
        self._mesh, self._points68 = MeshModel.load(streams), LandmarkModel.load()
        self._pose, self._quality = HeadPoseModel.load(), QualityModel.load()

    @classmethod
    def load(cls, streams: int = 1) -> FaceDescriber:
        """Load and verify all weights; WeightError when a file is missing or altered.

        streams: how many threads may compute at a time.
        """
        return cls(streams)

    @property
    def versions(self) -> Mapping[str, str]:
        """Part -> its weights, each with the first 12 digits of its SHA-256; of recognition the model's."""
        own = {part: versions_of(names) for part, names in WEIGHTS.items()}
        return own | {"recognition": default_model().version}

    def emotions_of_crops(self, crops: Sequence[Picture], detector: FaceDetector) -> Floats:
        """Emotions (N, 8) of crops that are faces already."""
        return self._emotion.of_crops(crops, detector, self._trunk)

    def describe(
        self,
        levels: Sequence[Levels],
        boxes: Sequence[Floats],
        landmarks5: Sequence[Floats],
        parts: frozenset[str],
        net: RecognitionNet | None = None,
        beside: Beside = Later,
    ) -> list[Description]:
        """The fields of the faces of some pictures, picture by picture, one after another.

        boxes (n, 4) and landmarks5 (n, 5, 2): for each picture those of its faces, in pixels. parts: what was
        asked for, as `ml_models.types.check_parts` gives it. net: makes the embeddings, None for the default
        model. beside: who does the face mesh, which needs nothing of the other networks; in this thread, when
        its turn has come, unless there is another one.
        """
        faces: list[Description] = [{} for one in boxes for _ in range(len(one))]
        if not faces or not parts:
            return faces
        if net is not None and "embedding" in parts:
            # The face mesh is made for whoever else needs it; only the default model looks at it.
            for face, embedding in zip(faces, net.embeddings(levels, landmarks5, None), strict=True):
                face["embedding"] = embedding
            parts = parts - {"embedding"}
        seen: Answer[_Seen] | None = None
        if parts & {"embedding", "landmarks", "quality"}:
            seen = beside(partial(self._see, levels, landmarks5, parts))
        trunk: Mapping[str, Floats] = {}
        if wanted := _of_trunk(parts):
            trunk = self._trunk.some(face_crops(levels, landmarks5), wanted)
            self._from_trunk(faces, levels, boxes, landmarks5, trunk, parts)
        if seen is not None:
            self._from_mesh(faces, levels, landmarks5, trunk, seen.result())
        return faces

    def _from_trunk(
        self,
        faces: list[Description],
        levels: Sequence[Levels],
        boxes: Sequence[Floats],
        landmarks5: Sequence[Floats],
        trunk: Mapping[str, Floats],
        parts: frozenset[str],
    ) -> None:
        """What the pass through the recognition network serves beside the embedding."""
        if "emotions" in parts:
            emotions = self._emotion.probabilities(levels, boxes, trunk["emotion"])
            for face, scores in zip(faces, emotions, strict=True):
                face["emotions"] = scores
        if own := parts & ATTRIBUTE_PARTS:
            fields = self._attributes.fields(levels, landmarks5, trunk["features"], own)
            for face, found in zip(faces, fields, strict=True):
                face.update(found)

    def _see(self, levels: Sequence[Levels], landmarks5: Sequence[Floats], parts: frozenset[str]) -> _Seen:
        """The face mesh, and what comes of it alone."""
        meshes = self._mesh.meshes(levels, landmarks5) if "landmarks" in parts else None
        # Without the irises, where nobody asked for them.
        surfaces = self._mesh.surfaces(levels, landmarks5) if meshes is None else meshes.points
        poses = self._pose.poses(surfaces)
        return _Seen(
            marks=None
            if meshes is None
            else (meshes, self._points68.ibug_points(meshes), measure(meshes, poses)),
            surfaces=surfaces,
            poses=poses,
            qualities=self._quality.qualities(levels, landmarks5) if "quality" in parts else None,
            embedding="embedding" in parts,
        )

    def _from_mesh(
        self,
        faces: list[Description],
        levels: Sequence[Levels],
        landmarks5: Sequence[Floats],
        trunk: Mapping[str, Floats],
        seen: _Seen,
    ) -> None:
        """What the face mesh shows: landmarks, pose and eyes; and what needs it: quality and embedding."""
        if seen.marks is not None:
            _place(faces, *seen.marks, seen.poses)
        if seen.qualities is not None:
            _judge(faces, seen.qualities, seen.poses)
        if seen.embedding:
            edges = np.cumsum([len(points) for points in landmarks5])[:-1]
            embeddings = self._embedding.joined(trunk["embedding"], levels, np.split(seen.surfaces, edges))
            for face, embedding in zip(faces, embeddings, strict=True):
                face["embedding"] = embedding


@dataclass(frozen=True)
class _Seen:
    """What the face mesh shows of N faces; None for what was not asked for. marks: with irises, the 68
    points and the eyes.
    """

    marks: tuple[Meshes, Floats, EyeMeasures] | None
    surfaces: Floats
    poses: HeadPoses
    qualities: Qualities | None
    embedding: bool


def _place(
    faces: list[Description], meshes: Meshes, points68: Floats, eyes: EyeMeasures, poses: HeadPoses
) -> None:
    for number, face in enumerate(faces):
        face["landmarks"] = Landmarks(
            meshes.points[number], meshes.iris[number], points68[number], float(meshes.confidence[number])
        )
        face["head_pose"] = HeadPose(
            float(poses.yaw[number]), float(poses.pitch[number]), float(poses.roll[number])
        )
        face["eyes"] = Eyes(*(float(v) for v in (*eyes.open[number], *eyes.gaze[number])))


def _judge(faces: list[Description], found: Qualities, poses: HeadPoses) -> None:
    # Whether something covers the face is known when attributes were asked for too.
    covered = np.array([covers_face(face.get("attributes")) for face in faces], dtype=bool)
    answers = for_recognition(found, poses.yaw, poses.pitch, covered)
    words = zip(found.blur_levels, found.exposure_levels, found.noise_levels, answers, strict=True)
    for number, (face, (blur, exposure, noise, answer)) in enumerate(zip(faces, words, strict=True)):
        face["quality"] = Quality(
            blur=float(found.blur[number]),
            blur_level=blur,
            exposure=float(found.exposure[number]),
            exposure_level=exposure,
            noise=float(found.noise[number]),
            noise_level=noise,
            for_recognition=answer,
        )


def _of_trunk(parts: frozenset[str]) -> frozenset[str]:
    """What the parts need of the recognition network, of `ml_models.face_trunk.ANSWERS`."""
    needs = {"embedding": "embedding", "emotions": "emotion", **dict.fromkeys(ATTRIBUTE_PARTS, "features")}
    return frozenset(needs[part] for part in parts if part in needs)


def versions_of(names: Sequence[str]) -> str:
    """Names of weights, each with the first 12 digits of its SHA-256."""
    return "+".join(f"{name}-{weight(name).sha256[:12]}" for name in names)


def covers_face(attributes: FaceAttributes | None) -> bool:
    """Whether eyes or mouth are covered; False when unknown."""
    if attributes is None:
        return False
    return max(attributes.occlusion.eyes, attributes.occlusion.mouth) >= 0.5
