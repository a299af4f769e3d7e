"""Two teams with things of their own, and how each row of the table is sent."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.access import team_scope
from accounts.audit import record
from accounts.keys import api_key_create
from accounts.models import AuditEvent, Invitation, Membership, Role, Team, User
from analysis.models import Face
from analysis.recognition import photo_model
from conftest import People
from galleries.enrolment import face_enrol_found
from galleries.labelling import face_label
from galleries.models import FaceLabel, GalleryJob
from galleries.probes import ProbeFace
from galleries.services import gallery_create, subject_create
from galleries.temporary import temporary_face_keep
from galleries.tests.pool_helpers import album
from galleries.training import state_begin, state_fill, state_use
from galleries.unnamed_pool import pool_cluster
from media_jobs.batches import Reference, batch_create
from media_jobs.models import Export, Job, JobItem, Media, Removal
from media_jobs.services import photo_upload
from media_jobs.tests.batch_helpers import zip_of
from media_jobs.tests.pictures import encoded, noise
from media_jobs.webhooks.services import webhook_create, webhook_test
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets, embedding_of

from .table import KEYS, MEMBERS, Row

#: A word in the names of the first team's things; nobody else may ever read it.
SECRET = "only-ours"


@dataclass
class World:
    """The first team with an analysed photo and a queued one, and the second team with a photo of its own."""

    people: People
    others: People
    photo: Media
    job: Job
    waiting: Job
    #: Anything else that addresses need, by name.
    more: dict[str, Any] = field(default_factory=dict)


def photo_of(team: Team, seed: int, name: str) -> Any:
    content = encoded(noise(40, 40, seed), "PNG")
    with team_scope(team):
        return photo_upload(
            team=team, file=SimpleUploadedFile(name, content), size=len(content), filename=name, user=None
        )


def make_world(people: People, others: People) -> World:
    mine = photo_of(people.team, 1, f"{SECRET}.png")
    waiting = photo_of(people.team, 3, f"{SECRET}-waiting.png")
    photo_of(others.team, 2, "theirs.png")
    with team_scope(people.team):
        chunk_analyze(team=people.team, job_id=mine.job.pk, chunk=0, engine=EngineWithoutNets())
    world = World(people, others, mine.media, mine.job, waiting.job)
    for make in MORE:
        make(world)
    return world


def _a_key(world: World) -> None:
    world.more["key"] = api_key_create(team=world.people.team, name=SECRET, scopes=["read"])[0]


def _people(world: World) -> None:
    """A member beside the four who call, and an invitation that is old enough to be sent again."""
    team = world.people.team
    user = User.objects.create_user(SECRET, f"{SECRET}@example.org")
    hour_ago = timezone.now() - timedelta(hours=1)
    with team_scope(team):
        world.more["member"] = Membership.objects.create(team=team, user=user, role=Role.VIEWER)
        world.more["invitation"] = Invitation.objects.create(
            team=team,
            email=f"{SECRET}-invited@example.org",
            role=Role.VIEWER,
            token_digest="0" * 64,
            sent_at=hour_ago,
            expires_at=hour_ago + timedelta(days=7),
        )


def _a_face(world: World) -> None:
    with team_scope(world.people.team):
        world.more["face"] = Face.objects.filter(media=world.photo).get()


def _a_webhook(world: World) -> None:
    """A webhook, and a test on its way to it."""
    team = world.people.team
    with team_scope(team):
        url = f"https://example.org/{SECRET}"
        world.more["webhook"] = webhook_create(team=team, url=url, events=["job.completed"])[0]
        world.more["delivery"] = webhook_test(webhook=world.more["webhook"])


def _a_batch(world: World) -> None:
    team = world.people.team
    with team_scope(team):
        photo = Reference(media_id=world.photo.pk, name=SECRET)
        world.more["batch"] = batch_create(team=team, references=[photo], name=SECRET)


def _a_failed_batch(world: World) -> None:
    team = world.people.team
    with team_scope(team):
        photo = Reference(media_id=world.photo.pk, name=SECRET)
        batch = batch_create(team=team, references=[photo], name=SECRET)
        JobItem.objects.filter(job=batch).update(status="failed", error_code="analysis_failed")
        Job.objects.filter(pk=batch.pk).update(status="failed", done=1, failed=1)
        world.more["failed_batch"] = batch


def _an_export(world: World) -> None:
    """An export that can be fetched, and an erasure on its way."""
    team = world.people.team
    with team_scope(team):
        export = world.more["export"] = Export.objects.create(
            team=team,
            kind=Export.Kind.TEAM,
            status=Export.Status.READY,
            name=default_storage.save("exports/one.zip", ContentFile(SECRET.encode())),
            size=len(SECRET),
            expires_at=timezone.now() + timedelta(days=1),
        )
        world.more["removal"] = Removal.objects.create(
            team=team, kind=Removal.Kind.MEDIA, part_ids=[str(world.photo.pk)], total=1
        )
        record("export.created", team=team, obj=export, name=SECRET)
        world.more["event"] = AuditEvent.objects.latest("id")


def _unnamed_people(world: World) -> None:
    """Two unnamed people of three faces each, and a gallery to name them in."""
    team = world.people.team
    with team_scope(team):
        faces = album(team, {40: 3, 41: 3})
        pool_cluster(team=team)
        labels = {person: FaceLabel.objects.get(face=some[0]).unnamed for person, some in faces.items()}
        world.more["unnamed"] = [labels[40], labels[41]]
        world.more["unnamed_face"] = faces[40][0]
        world.more["pool_gallery"] = gallery_create(team=team, name=SECRET, key="pool")


def _enrolled_faces(world: World) -> None:
    """Somebody with an enrolled face and its picture, a gallery of faces, and a face that detection kept."""
    team = world.people.team
    face = ProbeFace(
        (1.0, 2.0, 30.0, 40.0), 1.0, embedding_of(30), "high", crop=encoded(noise(40, 40), "JPEG")
    )
    with team_scope(team):
        gallery = gallery_create(team=team, name=SECRET, key="enrolled")
        subject = subject_create(gallery=gallery, name=SECRET)
        world.more["enrolled"] = face_enrol_found(gallery=gallery, subject=subject, found=face, notes=SECRET)
        faces = world.more["faces_gallery"] = gallery_create(
            team=team, name=SECRET, key="faces", holds="faces"
        )
        face_enrol_found(gallery=faces, subject=None, found=replace(face, embedding=embedding_of(32)))
        other = replace(face, embedding=embedding_of(31))
        world.more["kept_face"] = temporary_face_keep(team=team, face=other, model=photo_model())


def _a_trained_gallery(world: World) -> None:
    """The gallery of people can be asked, about a second face that detection kept, of the enrolled person."""
    team = world.people.team
    face = ProbeFace((1.0, 2.0, 30.0, 40.0), 1.0, embedding_of(30, 1), "high")
    with team_scope(team):
        gallery = world.more["enrolled"].gallery
        state = state_begin(gallery=gallery, model=photo_model())
        state_fill(state=state)
        state_use(state=state)
        world.more["second_kept_face"] = temporary_face_keep(team=team, face=face, model=photo_model())


def _for_gallery_pages(world: World) -> None:
    """A second person in the gallery with an enrolled face, a gallery to move to, an archive to fetch."""
    team = world.people.team
    gallery = world.more["enrolled"].gallery
    with team_scope(team):
        world.more["second_person"] = subject_create(gallery=gallery, name=f"{SECRET} two")
        world.more["archive_job"] = GalleryJob.objects.create(
            team=team,
            gallery=gallery,
            kind=GalleryJob.Kind.EXPORT,
            status=GalleryJob.Status.SUCCEEDED,
            file=default_storage.save("exports/gallery.zip", ContentFile(SECRET.encode())),
            size=len(SECRET),
        )


def _a_named_face(world: World) -> None:
    """The face in the first team's photo is somebody of the gallery."""
    with team_scope(world.people.team):
        face_label(face=world.more["face"], subject=world.more["enrolled"].subject)


#: Each adds things of the first team to `world.more`.
MORE: list[Callable[[World], None]] = [
    *(_a_batch, _a_failed_batch, _people),
    *(_a_face, _a_key, _a_webhook, _an_export),
    *(_unnamed_people, _enrolled_faces),
    _a_trained_gallery,
    _for_gallery_pages,
    _a_named_face,
]

#: Arguments of a route's address: things of the first team.
ARGUMENTS: dict[str, Callable[[World], list[Any]]] = {
    "photo_detail": lambda world: [world.photo.pk],
    "photo_delete": lambda world: [world.photo.pk],
    "photo_file": lambda world: [world.photo.pk, "thumbnail"],
    "api_media": lambda world: [world.photo.pk],
    "api_face": lambda world: [world.more["face"].pk],
    "api_media_file": lambda world: [world.photo.pk, "original"],
    "api_job": lambda world: [world.job.pk],
    **dict.fromkeys(
        [
            *("team_batch", "team_batch_progress", "team_batch_cancel", "api_batch", "api_batch_items"),
            *("api_batch_cancel", "api_batch_results"),
        ],
        lambda world: [world.more["batch"].pk],
    ),
    **dict.fromkeys(["team_batch_retry", "api_batch_retry"], lambda world: [world.more["failed_batch"].pk]),
    "team_batch_results": lambda world: [world.more["batch"].pk, "csv"],
    "team_key_revoke": lambda world: [world.more["key"].identifier],
    **dict.fromkeys(
        [
            "team_member_role",
            "team_member_remove",
            "team_member_hand_over",
            "api_member",
            "api_member_hand_over",
        ],
        lambda world: [world.more["member"].pk],
    ),
    **dict.fromkeys(
        ["team_invitation_resend", "team_invitation_revoke", "api_invitation", "api_invitation_resend"],
        lambda world: [world.more["invitation"].pk],
    ),
    **dict.fromkeys(
        [
            *("team_webhook", "team_webhook_switch", "team_webhook_delete", "team_webhook_secret"),
            *("team_webhook_test", "api_webhook", "api_webhook_test", "api_webhook_secret"),
            "api_webhook_deliveries",
        ],
        lambda world: [world.more["webhook"].pk],
    ),
    **dict.fromkeys(
        ["team_webhook_delivery", "team_webhook_redeliver", "api_webhook_delivery", "api_webhook_redeliver"],
        lambda world: [world.more["delivery"].pk],
    ),
    **dict.fromkeys(
        ["team_export_file", "team_export_delete", "api_export", "api_export_file"],
        lambda world: [world.more["export"].pk],
    ),
    "api_removal": lambda world: [world.more["removal"].pk],
    **dict.fromkeys(
        ["api_gallery_unnamed", "api_gallery_unnamed_faces", "api_gallery_unnamed_split"],
        lambda world: [world.more["unnamed"][0].pk],
    ),
    **dict.fromkeys(
        ["api_gallery", "api_gallery_subjects", "api_gallery_subjects_merge", "api_gallery_subjects_move"],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    **dict.fromkeys(
        ["api_gallery_subject", "api_gallery_subject_photos", "api_gallery_subject_split"],
        lambda world: [world.more["enrolled"].gallery_id, world.more["enrolled"].subject_id],
    ),
    "api_gallery_face_move": lambda world: [world.more["enrolled"].gallery_id, world.more["enrolled"].pk],
    "api_face_label": lambda world: [world.more["unnamed_face"].pk],
    "api_gallery_subject_faces": lambda world: [
        world.more["enrolled"].gallery_id,
        world.more["enrolled"].subject_id,
    ],
    "api_gallery_faces": lambda world: [world.more["faces_gallery"].pk],
    **dict.fromkeys(
        ["api_gallery_face", "api_gallery_face_crop"],
        lambda world: [world.more["enrolled"].gallery_id, world.more["enrolled"].pk],
    ),
    "api_gallery_temporary_face": lambda world: [world.more["kept_face"].pk],
    **dict.fromkeys(
        ["api_gallery_import", "api_gallery_export", "api_gallery_reembed"],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    **dict.fromkeys(
        ["api_gallery_job", "api_gallery_job_file"], lambda world: [world.more["archive_job"].pk]
    ),
    **dict.fromkeys(
        ["api_gallery_train", "api_gallery_training", "api_gallery_identify"],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    "api_audit": lambda world: [world.more["event"].pk],
    "api_team": lambda world: [world.people.team.pk],
    "api_key": lambda world: [world.more["key"].identifier],
    **dict.fromkeys(
        [
            *("team_gallery", "team_gallery_settings", "team_gallery_train", "team_gallery_state"),
            *("team_gallery_delete", "team_gallery_jobs", "team_gallery_export", "team_gallery_import"),
            *("team_gallery_reembed", "team_subject_new", "team_people_chosen", "team_people_merge"),
            *("team_people_move", "team_people_erase", "team_gallery_enrol"),
        ],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    **dict.fromkeys(
        ["team_gallery_job_cancel", "team_gallery_job_file"], lambda world: [world.more["archive_job"].pk]
    ),
    **dict.fromkeys(
        [
            *("team_subject", "team_subject_faces", "team_subject_change", "team_subject_consent"),
            *("team_subject_enrol", "team_faces_chosen", "team_faces_move", "team_faces_split"),
            "team_faces_remove",
        ],
        lambda world: [world.more["enrolled"].subject_id],
    ),
    "team_enrolled_crop": lambda world: [world.more["enrolled"].pk],
    "team_photo_face_crop": lambda world: [world.more["face"].pk],
    **dict.fromkeys(["team_face_label", "team_face_unlabel"], lambda world: [world.more["unnamed_face"].pk]),
    **dict.fromkeys(["team_unnamed_one", "team_unnamed_split"], lambda world: [world.more["unnamed"][0].pk]),
}
QUERIES: dict[str, Callable[[World], str]] = {
    "api_detect": lambda world: "?deadline=0.1",
    "photo_states": lambda world: f"?job={world.job.pk}",
    "team_people_search": lambda world: f"?q={SECRET}",
}


def _new_picture(world: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("new.png", encoded(noise(44, 44, 5), "PNG"))}


def _two_people(world: World) -> dict[str, Any]:
    return {"subject": [str(world.more["enrolled"].subject_id), str(world.more["second_person"].pk)]}


def _enrolled(world: World) -> dict[str, Any]:
    return {"face": str(world.more["enrolled"].pk)}


def _two_unnamed(world: World) -> dict[str, Any]:
    return {"unnamed": [str(person.pk) for person in world.more["unnamed"]]}


#: Bodies by 'METHOD route': a dict is sent as a form (multipart, files included).
FORMS: dict[str, Callable[[World], dict[str, Any]]] = {
    "POST photo_upload": _new_picture,
    "POST api_media_list": _new_picture,
    "POST api_detect": _new_picture,
    "POST team_batch_new": lambda world: {
        "archive": SimpleUploadedFile("new.zip", zip_of({"a.png": encoded(noise(44, 44, 5), "PNG")}))
    },
    **dict.fromkeys(
        ["POST api_gallery_import_new", "POST api_gallery_import"],
        lambda world: {
            "archive": SimpleUploadedFile(
                "people.zip", zip_of({"Ada/1.png": encoded(noise(44, 44, 5), "PNG")})
            )
        },
    ),
    "POST team_member_role": lambda world: {"role": "analyst"},
    "POST team_invite": lambda world: {"email": "somebody@example.org", "role": "viewer"},
    "POST team_settings": lambda world: {"name": "another name"},
    "POST team_second_factor": lambda world: {"required": "1"},
    **dict.fromkeys(
        ["POST team_webhook_new", "POST team_webhook"],
        lambda world: {"url": "https://example.net/new", "events": ["job.failed"]},
    ),
    "POST team_audit_export": lambda world: {"format": "csv"},
    "POST team_privacy": lambda world: {"originals": "none", "faces": "forever", "results": "forever"},
    "POST team_exports": lambda world: {"kind": "team"},
    "POST team_delete": lambda world: {"name": world.people.team.name, "password": "correct horse battery"},
    "POST team_key_create": lambda world: {"name": "a new key", "scopes": ["read"]},
    "POST team_gallery_new": lambda world: {"name": "new", "quality_policy": "warn"},
    "POST team_gallery_settings": lambda world: {"name": "other", "quality_policy": "refuse"},
    "POST team_gallery_delete": lambda world: {"name": SECRET},
    "POST team_gallery_import": lambda world: {
        "archive": SimpleUploadedFile("new.zip", zip_of({"Ada/a.png": encoded(noise(44, 44, 5), "PNG")}))
    },
    "POST team_gallery_reembed": lambda world: {"model": "another"},
    "POST team_subject_new": lambda world: {"name": "somebody"},
    "POST team_people_chosen": lambda world: {**_two_people(world), "deed": "merge"},
    "POST team_people_merge": lambda world: {
        **_two_people(world),
        "stays": str(world.more["second_person"].pk),
    },
    "POST team_people_move": lambda world: {
        **_two_people(world),
        "gallery": str(world.more["pool_gallery"].pk),
    },
    "POST team_people_erase": lambda world: _two_people(world),
    "POST team_subject_change": lambda world: {"name": "another name"},
    "POST team_subject_consent": lambda world: {"consent_by": "herself"},
    "POST team_faces_chosen": lambda world: {**_enrolled(world), "deed": "split"},
    "POST team_faces_move": lambda world: {
        **_enrolled(world),
        "subject": str(world.more["second_person"].pk),
    },
    "POST team_faces_split": lambda world: {**_enrolled(world), "name": "somebody"},
    "POST team_faces_remove": lambda world: _enrolled(world),
    "POST team_gallery_enrol": lambda world: {"name": "somebody"},
    "POST team_who_ask": lambda world: {"gallery": str(world.more["enrolled"].gallery_id)},
    "POST team_face_label": lambda world: {"subject": str(world.more["second_person"].pk)},
    "POST team_unnamed_chosen": lambda world: {**_two_unnamed(world), "deed": "name"},
    "POST team_unnamed_name": lambda world: {
        **_two_unnamed(world),
        "name": "somebody",
        "gallery": str(world.more["pool_gallery"].pk),
    },
    "POST team_unnamed_merge": lambda world: _two_unnamed(world),
    "POST team_unnamed_split": lambda world: {"face": str(world.more["unnamed_face"].pk)},
}


def _unnamed_ids(world: World) -> dict[str, Any]:
    return {"unnamed_ids": [str(person.pk) for person in world.more["unnamed"]]}


#: The same, sent as JSON.
BODIES: dict[str, Callable[[World], Any]] = {
    "POST api_gallery_identify": lambda world: {
        "temporary_face_ids": [str(world.more["second_kept_face"].pk)]
    },
    "POST api_gallery_verify": lambda world: {
        "temporary_face_id": str(world.more["second_kept_face"].pk),
        "subject_id": str(world.more["enrolled"].subject_id),
    },
    "POST api_gallery_find_similar": lambda world: {
        "temporary_face_id": str(world.more["second_kept_face"].pk),
        "gallery_id": str(world.more["enrolled"].gallery_id),
    },
    "POST api_gallery_group": lambda world: {
        "temporary_face_ids": [str(world.more[name].pk) for name in ("kept_face", "second_kept_face")]
    },
    "POST api_batch_list": lambda world: {"items": [{"url": "https://example.org/a.jpg"}]},
    "POST api_webhook_list": lambda world: {"url": "https://example.net/new", "events": ["job.failed"]},
    "PATCH api_privacy": lambda world: {"keep_originals_days": 30},
    "POST api_export_list": lambda world: {"kind": "team"},
    "POST api_gallery_unnamed_name": lambda world: {
        **_unnamed_ids(world),
        "gallery_id": str(world.more["pool_gallery"].pk),
        "name": "somebody",
    },
    **dict.fromkeys(
        [
            *("POST api_gallery_unnamed_merge", "POST api_gallery_unnamed_ignore"),
            "POST api_gallery_unnamed_restore",
        ],
        _unnamed_ids,
    ),
    **dict.fromkeys(
        ["POST api_gallery_subject_faces", "POST api_gallery_faces"],
        lambda world: {"temporary_face_id": str(world.more["kept_face"].pk)},
    ),
    "POST api_gallery_export": lambda world: {"crops": True},
    "POST api_gallery_reembed": lambda world: {"model": photo_model().name},
    "POST api_gallery_list": lambda world: {"name": "a new gallery"},
    "PATCH api_gallery": lambda world: {"name": "another name"},
    "POST api_gallery_subjects": lambda world: {"name": "somebody"},
    "PATCH api_gallery_subject": lambda world: {"name": "another name"},
    "POST api_gallery_subject_split": lambda world: {
        "face_ids": [str(world.more["enrolled"].pk)],
        "name": "somebody",
    },
    "POST api_gallery_subjects_merge": lambda world: {
        "into": str(world.more["enrolled"].subject_id),
        "others": [str(world.more["second_person"].pk)],
    },
    "POST api_gallery_subjects_move": lambda world: {
        "subject_ids": [str(world.more["second_person"].pk)],
        "gallery_id": str(world.more["pool_gallery"].pk),
    },
    "POST api_gallery_face_move": lambda world: {"subject_id": str(world.more["second_person"].pk)},
    "PUT api_face_label": lambda world: {"subject_id": str(world.more["second_person"].pk)},
    "PATCH api_gallery_face": lambda world: {"notes": "other notes"},
    "POST api_gallery_unnamed_split": lambda world: {"face_ids": [str(world.more["unnamed_face"].pk)]},
    "POST api_removal_list": lambda world: {"media_ids": [str(world.photo.pk)]},
    "PATCH api_webhook": lambda world: {"enabled": False},
    "PATCH api_team": lambda world: {"name": "another name"},
    "PATCH api_member": lambda world: {"role": "analyst"},
    "POST api_invitation_list": lambda world: {"email": "somebody@example.org", "role": "viewer"},
    "POST api_key_list": lambda world: {"name": "a new key", "scopes": ["read"]},
}


@dataclass
class Caller:
    """Somebody who is ready to send: signed in, or with a key."""

    client: Client
    headers: dict[str, str]

    def send(self, row: Row, world: World) -> HttpResponse:
        arguments = ARGUMENTS.get(row.route, lambda world: [])(world)
        path = reverse(row.route, args=arguments) + QUERIES.get(row.route, lambda world: "")(world)
        name = f"{row.method} {row.route}"
        send: Callable[..., Any] = getattr(self.client, row.method.lower())
        if name in BODIES:
            return send(path, json.dumps(BODIES[name](world)), "application/json", headers=self.headers)
        return send(path, FORMS[name](world) if name in FORMS else {}, headers=self.headers)


def caller_named(name: str, world: World) -> Caller:
    if name in MEMBERS:
        return Caller(world.people.client(name), {})
    if name == "other":
        return Caller(world.others.client("owner"), {})
    if name == "visitor":
        return Caller(Client(), {})
    key = world.people.key(name) if name in KEYS else world.others.key()
    return Caller(Client(), {"Authorization": f"Bearer {key}"})


# When somebody was last seen does not count as a change.
_VOLATILE = {"accounts.apikey": {"last_used_at"}, "accounts.user": {"last_login"}}


def snapshot() -> str:
    """Every row of every table of ours as one digest: a refusal must not change it."""
    rows: dict[str, Any] = {}
    with scopes_disabled():
        for model in apps.get_models():
            if model.__module__.startswith(("django.contrib", "allauth")):
                continue
            label = model._meta.label_lower
            names = [
                field.attname
                for field in model._meta.concrete_fields
                if field.attname not in _VOLATILE.get(label, set())
            ]
            rows[label] = list(model._default_manager.order_by("pk").values(*names))
    assert rows["media_jobs.media"], "the digest covers real rows"
    return hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()
