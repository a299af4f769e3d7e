"""Things of the first team, beside its photos: each function adds some to the world."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.access import team_scope
from accounts.audit import record
from accounts.keys import api_key_create
from accounts.models import AuditEvent, Invitation, Membership, Role, User
from analysis.models import Face
from analysis.recognition import photo_model
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
from media_jobs.models import Export, Job, JobItem, Removal
from media_jobs.tests.pictures import encoded, noise
from media_jobs.webhooks.services import webhook_create, webhook_test
from tests.fakes import embedding_of

from .scene import SECRET, World


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
