"""The gallery that the demo team begins with: the people on the sample photos."""

from django.db import transaction

from accounts.models import Team
from analysis.models import Face

from .enrolment import face_enrol
from .models import Gallery
from .services import gallery_create, subject_create
from .training import gallery_train

NAME = "Pioneers"
#: Who the largest face of each sample photo is.
PEOPLE = {"grace_hopper.jpg": "Grace Hopper", "astronaut.png": "Eileen Collins"}


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
