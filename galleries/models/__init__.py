"""Tables of galleries, by topic."""

from .galleries import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject, TemporaryFace
from .jobs import GalleryJob
from .people import FaceLabel, FaceRejection, UnnamedPerson
from .search import SearchVector, TrainedState

__all__ = [
    "MAX_FACES_PER_SUBJECT",
    "EnrolledFace",
    "FaceLabel",
    "FaceRejection",
    "Gallery",
    "GalleryJob",
    "SearchVector",
    "Subject",
    "TemporaryFace",
    "TrainedState",
    "UnnamedPerson",
]
