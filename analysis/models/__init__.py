"""What the engine found in photos and videos, stored."""

from .photos import Analysis, Face, FaceEmbedding
from .videos import VideoPerson, VideoTrack

__all__ = ["Analysis", "Face", "FaceEmbedding", "VideoPerson", "VideoTrack"]
