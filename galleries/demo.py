"""What the demo team begins with: a gallery of the people on the sample photos, and a video of them."""

import tempfile

from django.db import transaction

from accounts.models import Team
from analysis.models import Face
from media_jobs.models import Video
from media_jobs.video.intake import VideoOptions, video_from_file
from media_jobs.video.sample import sample_write

from .enrolment import face_enrol
from .models import Gallery
from .services import gallery_create, subject_create
from .training import gallery_train

NAME = "Pioneers"
#: Who the largest face of each sample photo is.
PEOPLE = {"grace_hopper.jpg": "Grace Hopper", "astronaut.png": "Eileen Collins"}
VIDEO = "Two pioneers.webm"
VIDEO_SECONDS = 12.0


@transaction.atomic
def demo_gallery_make(team: Team) -> None:
    """Make the demo gallery of the faces found in the sample photos, and have it trained; once.

    The caller is inside the team's scope. Without any of the faces it does nothing.
    """
    faces = list(
        Face.objects.filter(media__filename__in=PEOPLE, number=1)
        .exclude(embedding=None)
        .select_related("media")
        .order_by("media__filename")
    )
    if not faces or Gallery.objects.exists():
        return
    gallery = gallery_create(team=team, name=NAME)
    for face in faces:
        person = subject_create(gallery=gallery, name=PEOPLE[face.media.filename])
        face_enrol(gallery=gallery, subject=person, photo_face=face.pk)
    gallery_train(gallery=gallery)


def demo_video_make(team: Team) -> None:
    """Make a video of the sample photos and have it analysed, once; its people are looked up in the gallery.

    The caller is inside the team's scope.
    """
    gallery = Gallery.objects.filter(name=NAME).first()
    if Video.objects.exists():
        return
    with tempfile.TemporaryFile() as file:
        sample_write(
            file,
            seconds=VIDEO_SECONDS,
            size=(640, 360),
            rate=15,
            form="webm",
            codec="libvpx",
            **{"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "800k"},
        )
        options = VideoOptions(gallery_id=gallery.pk if gallery is not None else None)
        video_from_file(team=team, file=file, filename=VIDEO, options=options, user=None)
