"""Tables of galleries, by topic."""

from .galleries import APPLYING, MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject, TemporaryFace
from .jobs import GalleryJob
from .people import FaceLabel, FaceRejection, UnnamedPerson
from .search import SearchVector, TrainedState
from .snapshots import GallerySnapshot, SnapshotFace, SnapshotSubject
from .videos import VideoLabel

__all__ = [
    "APPLYING",
    "MAX_FACES_PER_SUBJECT",
    "EnrolledFace",
    "FaceLabel",
    "FaceRejection",
    "Gallery",
    "GalleryJob",
    "GallerySnapshot",
    "SearchVector",
    "SnapshotFace",
    "SnapshotSubject",
    "Subject",
    "TemporaryFace",
    "TrainedState",
    "UnnamedPerson",
    "VideoLabel",
]
