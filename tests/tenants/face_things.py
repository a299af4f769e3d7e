"""Things of the first team that programs speak of in the words of Face API, and what they send about them."""

from collections.abc import Callable
from typing import Any

from accounts.access import team_scope
from accounts.models import Team
from compat.face_v1.kinds import KINDS, Kind
from compat.face_v1.making import collection_create
from compat.face_v1.views import USUAL_RECOGNITION
from galleries.enrolment import face_enrol_found
from galleries.jobs import job_run
from galleries.models import Gallery, Subject, TemporaryFace
from galleries.probes import ProbeFace
from galleries.services import model_named, subject_create
from galleries.snapshots import snapshot_take
from galleries.temporary import temporary_face_keep
from galleries.training import state_begin, state_fill, state_use
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import embedding_of

from .scene import SECRET, World

#: The person of all groups and lists, as `embedding_of` numbers people.
PERSON = 60
Arguments = Callable[[World], list[Any]]
Body = Callable[[World], dict[str, Any]]


def _face(view: int) -> ProbeFace:
    return ProbeFace((1.0, 2.0, 30.0, 40.0), 1.0, embedding_of(PERSON, view), "high")


def make_collections(team: Team, key: str) -> dict[str, dict[str, Any]]:
    """One of each kind under this id, with a face, groups with a person, and trained where that is done.

    namespace -> its `person` (None in a list) and its `face`.
    """
    made: dict[str, dict[str, Any]] = {}
    with team_scope(team):
        for kind in KINDS:
            gallery = collection_create(
                team=team, kind=kind, key=key, name=key, notes=key, model=USUAL_RECOGNITION
            )
            person = _person_of(gallery)
            face = face_enrol_found(gallery=gallery, subject=person, found=_face(0), notes=key)
            if kind.trained:
                state = state_begin(gallery=gallery, model=model_named(gallery.model))
                state_fill(state=state)
                state_use(state=state)
            made[kind.namespace] = {"person": person, "face": face}
    return made


def kept_faces(team: Team) -> list[str]:
    """The ids of two faces that detection kept, of that person."""
    model = model_named(USUAL_RECOGNITION)
    with team_scope(team):
        faces = [temporary_face_keep(team=team, face=_face(view), model=model) for view in (1, 2)]
        TemporaryFace.objects.filter(pk__in=[face.pk for face in faces]).update(model_alias=USUAL_RECOGNITION)
    return [str(face.pk) for face in faces]


def _person_of(gallery: Gallery) -> Subject | None:
    if gallery.holds != Gallery.Holds.SUBJECTS:
        return None
    return subject_create(gallery=gallery, name=gallery.name, notes=gallery.name)


def _collections(world: World) -> None:
    world.more |= make_collections(world.people.team, SECRET)


def _kept_faces(world: World) -> None:
    world.more["face_ids"] = kept_faces(world.people.team)


def _a_snapshot(world: World) -> None:
    """A snapshot of the group that its own team may apply, and the operation that took it."""
    team = world.people.team
    with team_scope(team):
        group = Gallery.objects.select_related("team").get(namespace="person_group", key=SECRET)
        job = snapshot_take(gallery=group, apply_scope=[team.pk], user_data=SECRET)
    job_run(job_id=job.pk)
    world.more["operation"] = job


MORE: list[Callable[[World], None]] = [_collections, _kept_faces, _a_snapshot]


def _of_person(kind: Kind) -> Arguments:
    return lambda world: [SECRET, world.more[kind.namespace]["person"].pk]


def _of_persons_face(kind: Kind) -> Arguments:
    return lambda world: [
        SECRET,
        world.more[kind.namespace]["person"].pk,
        world.more[kind.namespace]["face"].pk,
    ]


def _of_listed_face(kind: Kind) -> Arguments:
    return lambda world: [SECRET, world.more[kind.namespace]["face"].pk]


def _of_collection(world: World) -> list[Any]:
    return [SECRET]


def _arguments() -> dict[str, Arguments]:
    found: dict[str, Arguments] = {}
    for kind in KINDS:
        name = f"face_{kind.namespace}"
        parts = ("", "_train", "_training", "_persons", "_faces")
        found |= dict.fromkeys([f"{name}{part}" for part in parts], _of_collection)
        found |= dict.fromkeys([f"{name}_person", f"{name}_person_faces"], _of_person(kind))
        found |= {f"{name}_person_face": _of_persons_face(kind), f"{name}_face": _of_listed_face(kind)}
    found |= dict.fromkeys(
        ["face_snapshot", "face_snapshot_apply"], lambda world: [world.more["operation"].options["snapshot"]]
    )
    found["face_operation"] = lambda world: [world.more["operation"].pk]
    return found


ARGUMENTS = _arguments()


def _bodies_of(kind: Kind) -> dict[str, Body]:
    """Bodies for the routes of one kind. An id that is taken in one team is free in every other."""
    name = f"face_{kind.namespace}"
    return {
        f"PUT {name}": lambda world: {"name": "another one"},
        f"PATCH {name}": lambda world: {"name": "another name"},
        f"POST {name}_persons": lambda world: {"name": "somebody"},
        f"PATCH {name}_person": lambda world: {"name": "another name"},
        **dict.fromkeys(
            [f"PATCH {name}_person_face", f"PATCH {name}_face"], lambda world: {"userData": "other"}
        ),
    }


BODIES: dict[str, Body] = {
    "POST face_snapshot_list": lambda world: {
        "type": "PersonGroup",
        "objectId": SECRET,
        "applyScope": [str(world.people.team.pk)],
    },
    "PATCH face_snapshot": lambda world: {"userData": "other"},
    "POST face_snapshot_apply": lambda world: {"objectId": "copy"},
    **{name: body for kind in KINDS for name, body in _bodies_of(kind).items()},
    "POST face_find_similars": lambda world: {
        "faceId": world.more["face_ids"][0],
        "faceIds": world.more["face_ids"][1:],
    },
    "POST face_find_similars in a face list": lambda world: {
        "faceId": world.more["face_ids"][0],
        "faceListId": SECRET,
    },
    "POST face_find_similars in a large face list": lambda world: {
        "faceId": world.more["face_ids"][0],
        "largeFaceListId": SECRET,
    },
    "POST face_group": lambda world: {"faceIds": world.more["face_ids"]},
    "POST face_identify": lambda world: {"faceIds": world.more["face_ids"], "personGroupId": SECRET},
    "POST face_identify in a large person group": lambda world: {
        "faceIds": world.more["face_ids"],
        "largePersonGroupId": SECRET,
    },
    "POST face_verify": lambda world: dict(zip(["faceId1", "faceId2"], world.more["face_ids"], strict=True)),
    "POST face_verify with a person": lambda world: {
        "faceId": world.more["face_ids"][0],
        "personId": str(world.more["person_group"]["person"].pk),
        "personGroupId": SECRET,
    },
    "POST face_verify with a person of a large group": lambda world: {
        "faceId": world.more["face_ids"][0],
        "personId": str(world.more["large_person_group"]["person"].pk),
        "largePersonGroupId": SECRET,
    },
}

#: Where the body is a picture.
PICTURES = {
    "POST face_detect",
    *(f"POST face_{kind.namespace}_person_faces" for kind in KINDS if kind.holds == Gallery.Holds.SUBJECTS),
    *(f"POST face_{kind.namespace}_faces" for kind in KINDS if kind.holds == Gallery.Holds.FACES),
}


def picture() -> bytes:
    """A picture that Face API takes: more than 1 KB."""
    return encoded(noise(60, 60, 7), "PNG")
