"""Steps that tests of people, corrections and labels share."""

from accounts.models import Team
from analysis.models import Face
from galleries.jobs import job_run
from galleries.models import FaceLabel, Gallery, GalleryJob, Subject
from galleries.recognising import photos_label
from galleries.training import gallery_train
from media_jobs.models import Media
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import work_off
from tests.fakes import EngineOfPeople, people_picture


def analysed(team: Team, *people: int, view: int = 0) -> list[Face]:
    """A photo of these people, side by side, after its analysis; their faces from left to right."""
    media = media_from_bytes(team=team, content=people_picture(*people, view=view), filename="a.png")
    analyse(team, media)
    return list(Face.objects.filter(media=media).order_by("left"))


def analyse(team: Team, media: Media) -> None:
    """Look at a photo (again)."""
    work_off(job_create(team=team, media=[media]), EngineOfPeople())


def looked_up(team: Team, *faces: Face) -> int:
    """What the task after the analysis of these faces' photos does."""
    return photos_label(team=team, media_ids=[face.media_id for face in faces])


def trained(*galleries: Gallery) -> None:
    """Train galleries, and do the work that follows from it."""
    for gallery in galleries:
        gallery_train(gallery=gallery)
    jobs_do()


def jobs_do() -> None:
    """Work off the jobs that wait in the team, and those that come of them."""
    while job := GalleryJob.objects.filter(status=GalleryJob.Status.QUEUED).order_by("created_at").first():
        job_run(job_id=job.pk)
        job.refresh_from_db()
        assert job.status == GalleryJob.Status.SUCCEEDED, job.error_message


def person(gallery: Gallery, name: str) -> Subject:
    return Subject.objects.get(gallery=gallery, name=name)


def name_of(face: Face) -> str | None:
    """Who a face is labelled as."""
    label = FaceLabel.objects.select_related("subject").filter(face=face).first()
    return label.subject.name if label is not None and label.subject is not None else None
