"""The real engine: who is enrolled is found again in the same picture altered, and a stranger is not."""

import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, ImageEnhance, ImageFilter
from pytest_django import Settings

from accounts.access import team_scope
from conftest import People
from galleries.enrolment import face_enrol
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.probes import picture_probe
from galleries.refusals import Refusal
from galleries.search import Probe, identify, verify_subject
from galleries.services import gallery_create, subject_create
from galleries.temporary import temporary_face_get
from media_jobs.tasks import detect_picture
from ml_models.recognition import default_model

from .search_helpers import train

pytestmark = pytest.mark.django_db


@pytest.fixture()
def worker(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """A worker with the real engine, in this process."""
    # The first question waits until the engine is loaded.
    settings.DETECT_DEADLINE_SECONDS = 60

    def send(*, kwargs: dict[str, Any], queue: str, expires: float, **_: Any) -> None:
        detect_picture(**kwargs)

    monkeypatch.setattr(detect_picture, "apply_async", send)


@pytest.fixture()
def staff(people: People, worker: None, astronaut: bytes, grace_hopper: bytes) -> Iterator[Gallery]:
    """A trained gallery of the two people of the sample pictures, inside its team's scope."""
    with team_scope(people.team):
        gallery = gallery_create(team=people.team, name="Staff", quality_policy="refuse")
        for name, content in (("Eileen", astronaut), ("Grace", grace_hopper)):
            face_enrol(gallery=gallery, subject=subject_create(gallery=gallery, name=name), content=content)
        train(gallery)
        yield gallery


def altered(content: bytes, *, form: str, scale: float = 1.0, margin: float = 0.0, **options: Any) -> bytes:
    """The picture cut at its edges, at another size, a little darker, as another file."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    cut = round(image.width * margin), round(image.height * margin)
    image = image.crop((cut[0], cut[1] // 4, image.width - cut[0], image.height - cut[1]))
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    ImageEnhance.Brightness(image).enhance(0.9).save(buffer, form, **options)
    return buffer.getvalue()


ALTERED: list[dict[str, Any]] = [
    {"form": "JPEG", "quality": 60},
    {"form": "PNG", "scale": 0.7},
    {"form": "WEBP", "quality": 70, "margin": 0.15, "scale": 1.5},
]


@pytest.mark.parametrize("how", ALTERED, ids=str)
def test_a_person_is_known_in_the_same_picture_altered_and_the_other_is_not(
    staff: Gallery, astronaut: bytes, grace_hopper: bytes, how: dict[str, Any]
) -> None:
    model = default_model()
    people = {subject.name: subject for subject in Subject.objects.select_related("gallery")}
    for name, other, content in (("Eileen", "Grace", astronaut), ("Grace", "Eileen", grace_hopper)):
        (face,) = picture_probe(team=staff.team, content=altered(content, **how), model=model).faces
        probe = Probe(face.embedding, model.name, model.sha256)
        assert verify_subject(probe, people[name]).confidence > 0.95
        assert verify_subject(probe, people[other]).confidence < 0.05
        [candidates] = identify(gallery=staff, probes=[face.embedding], model_sha256=model.sha256)
        assert [candidate.subject_id for candidate in candidates] == [people[name].pk]


def test_the_same_picture_saved_again_is_a_duplicate_and_a_blurred_one_is_refused(
    staff: Gallery, astronaut: bytes
) -> None:
    eileen = Subject.objects.get(name="Eileen")
    with pytest.raises(Refusal) as refusal:
        face_enrol(gallery=staff, subject=eileen, content=altered(astronaut, form="JPEG", quality=85))
    assert refusal.value.code == "face_duplicate"
    buffer = io.BytesIO()
    Image.open(io.BytesIO(astronaut)).convert("RGB").filter(ImageFilter.GaussianBlur(4)).save(buffer, "PNG")
    with pytest.raises(Refusal) as refusal:
        face_enrol(gallery=staff, subject=eileen, content=buffer.getvalue())
    assert refusal.value.code == "face_too_blurred"
    assert EnrolledFace.objects.count() == 2


def test_faces_are_good_for_no_reason_and_poor_for_some(staff: Gallery, astronaut: bytes) -> None:
    model = default_model()
    seen = set()
    for scale in (1.0, 0.5, 0.3, 0.15):
        content = altered(astronaut, form="PNG", scale=scale)
        for face in picture_probe(team=staff.team, content=content, model=model).faces:
            assert (face.quality == "high") == (not face.reasons), face.reasons
            seen |= set(face.reasons)
    assert "small" in seen


def test_a_detected_face_is_kept_enrolled_and_compared(
    people: People, worker: None, astronaut: bytes, grace_hopper: bytes
) -> None:
    headers = {"Authorization": f"Bearer {people.key()}"}

    def kept(content: bytes) -> str:
        file = SimpleUploadedFile("a", content)
        answer = Client().post("/api/v1/detect?keep_faces=60&deadline=60", {"file": file}, headers=headers)
        assert answer.status_code == 200, answer.content
        (face,) = answer.json()["faces"]
        return str(face["face_id"])

    first, again, other = (
        kept(astronaut),
        kept(altered(astronaut, form="JPEG", quality=70)),
        kept(grace_hopper),
    )
    with team_scope(people.team):
        gallery = gallery_create(team=people.team, name="Staff")
        eileen = subject_create(gallery=gallery, name="Eileen")
        face_enrol(gallery=gallery, subject=eileen, temporary_face=UUID(first))
        confidences = []
        for face_id in (again, other):
            face = temporary_face_get(UUID(face_id))
            probe = Probe(list(face.embedding), face.model, face.model_sha256)
            confidences.append(verify_subject(probe, eileen).confidence)
    assert confidences[0] > 0.95
    assert confidences[1] < 0.05
