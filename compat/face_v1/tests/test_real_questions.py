"""The real engine through the whole dialect: two people in altered pictures are told apart."""

import io
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageOps

from accounts.access import team_scope
from conftest import People
from galleries.jobs import job_run
from galleries.models import GalleryJob
from galleries.tests.test_real_faces import worker

from .helpers import Program
from .question_helpers import asked

__all__ = ["worker"]
pytestmark = pytest.mark.usefixtures("worker")


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)


def darker(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.75)


def brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.2)


def cropped(image: Image.Image) -> Image.Image:
    return image.crop((image.width // 20, image.height // 40, image.width * 19 // 20, image.height * 9 // 10))


#: How a picture is altered, and the quality of the JPEG it becomes.
VERSIONS = ((smaller, 90), (darker, 85), (brighter, 50), (ImageOps.mirror, 90), (cropped, 80))


def versions(content: bytes) -> list[bytes]:
    """The picture as other files, in the order of `VERSIONS`."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    found = []
    for alter, quality in VERSIONS:
        buffer = io.BytesIO()
        alter(image).save(buffer, "JPEG", quality=quality)
        found.append(buffer.getvalue())
    return found


def detect(program: Program, contents: Sequence[bytes]) -> list[str]:
    """The faceId of the only face in each picture."""
    found = []
    for content in contents:
        (face,) = asked(program.picture("/detect", content))
        found.append(face["faceId"])
    return found


def train(people: People, program: Program, path: str) -> None:
    """Ask for a training, have a worker do it, and wait for its success as programs do."""
    assert program.send("POST", f"{path}/train").status_code == 202
    assert asked(program.get(f"{path}/training"))["status"] == "running"
    with team_scope(people.team):
        job = GalleryJob.objects.get(status="queued")
    job_run(job_id=job.pk)
    assert asked(program.get(f"{path}/training"))["status"] == "succeeded"


def test_a_person_of_a_group_is_identified_and_verified_and_a_stranger_is_not(
    people: People, program: Program, astronaut: bytes, grace_hopper: bytes
) -> None:
    eileen, grace = versions(astronaut), versions(grace_hopper)
    path = "/largepersongroups/staff"
    assert program.put(path, {"name": "Staff"}).status_code == 200
    person = asked(program.post(f"{path}/persons", {"name": "Eileen"}))["personId"]
    for content in (astronaut, eileen[0]):
        asked(program.picture(f"{path}/persons/{person}/persistedfaces", content))
    train(people, program, path)
    known, strangers = detect(program, eileen[1:]), detect(program, [grace_hopper, *grace])
    answers = asked(
        program.post("/identify", {"largePersonGroupId": "staff", "faceIds": [*known, *strangers]})
    )
    for face, answer in zip([*known, *strangers], answers, strict=True):
        wanted = [person] if face in known else []
        assert [one["personId"] for one in answer["candidates"]] == wanted
        verdict = asked(
            program.post("/verify", {"faceId": face, "personId": person, "largePersonGroupId": "staff"})
        )
        assert verdict["isIdentical"] is (face in known)
        assert verdict["isIdentical"] is (verdict["confidence"] >= 0.5)


def test_faces_are_grouped_and_similar_by_person(
    people: People, program: Program, astronaut: bytes, grace_hopper: bytes
) -> None:
    eileen, grace = detect(program, versions(astronaut)), detect(program, versions(grace_hopper)[:3])
    found = asked(
        program.post("/group", {"faceIds": [*chain(*zip(eileen, grace, strict=False)), *eileen[3:]]})
    )
    assert [set(some) for some in found["groups"]] == [set(eileen), set(grace)]
    assert "messyGroup" not in found
    similar = asked(program.post("/findsimilars", {"faceId": grace[0], "faceIds": [*eileen, *grace[1:]]}))
    assert {one["faceId"] for one in similar} == set(grace[1:])
    first = asked(program.post("/verify", {"faceId1": eileen[0], "faceId2": eileen[3]}))
    other = asked(program.post("/verify", {"faceId1": eileen[0], "faceId2": grace[0]}))
    assert (first["isIdentical"], other["isIdentical"]) == (True, False)


def test_a_face_list_finds_a_person_s_other_pictures(
    people: People, program: Program, astronaut: bytes, grace_hopper: bytes
) -> None:
    def add(path: str) -> dict[str, Any]:
        assert program.put(path, {"name": "Album"}).status_code == 200
        contents = {"eileen": astronaut, "again": versions(astronaut)[0], "grace": grace_hopper}
        return {
            name: asked(program.picture(f"{path}/persistedfaces", content))["persistedFaceId"]
            for name, content in contents.items()
        }

    (face,) = detect(program, [versions(astronaut)[4]])
    small, large = add("/facelists/album"), add("/largefacelists/album")
    train(people, program, "/largefacelists/album")
    for field, ids in (("faceListId", small), ("largeFaceListId", large)):
        question = {"faceId": face, field: "album"}
        found = asked(program.post("/findsimilars", question))
        assert {one["persistedFaceId"] for one in found} == {ids["eileen"], ids["again"]}
        ranked = asked(program.post("/findsimilars", {**question, "mode": "matchFace"}))
        assert [one["persistedFaceId"] for one in ranked][-1] == ids["grace"]
        assert ranked[-1]["confidence"] < 0.5
