"""What these tests have in common."""

from typing import Any

from tests.fakes import people_picture

SUPPORTED = (
    "Invalid argument returnFaceAttributes. Supported values are: age, gender, headPose, smile, facialHair, "
    "glasses, emotion, hair, makeup, occlusion, accessories, blur, exposure, noise, mask and "
    "qualityForRecognition in a comma-separated format."
)


YES_OR_NO = "Valid values are true and false."


THREE = people_picture(4, 5, 6)


Told = list[dict[str, Any]]
