"""Faces as the native API shows them."""

from typing import Any

from rest_framework import serializers

from analysis.models import Face

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


class FaceSerializer(serializers.ModelSerializer[Face]):
    box = serializers.SerializerMethodField()
    landmarks = serializers.SerializerMethodField()
    emotions = serializers.SerializerMethodField()

    class Meta:
        model = Face
        fields = ["id", "number", "box", "confidence", "landmarks", "strongest", "emotions"]

    def get_box(self, face: Face) -> dict[str, float]:
        return {name: round(getattr(face, name), 2) for name in ("left", "top", "width", "height")}

    def get_landmarks(self, face: Face) -> dict[str, dict[str, float]]:
        points = zip(face.landmarks[::2], face.landmarks[1::2], strict=True)
        return {
            name: {"x": round(x, 2), "y": round(y, 2)}
            for name, (x, y) in zip(LANDMARK_NAMES, points, strict=True)
        }

    def get_emotions(self, face: Face) -> dict[str, Any]:
        return face.emotions
