"""What people have corrected survives whatever comes after it.

People with planted identities are labelled, corrected, merged, split and moved by hand in random orders, with
training, looking through photos, grouping of the unknown and new analyses in between. Beside the tables a
plain book is kept of what was said by hand; after every step both must say the same. The machine's own
answers do change meanwhile.
"""

import random
from collections.abc import Callable, Iterable
from uuid import UUID

import pytest

from accounts.models import Team
from analysis.models import Face
from galleries.corrections import face_move, subject_split, subjects_merge, subjects_move
from galleries.label_jobs import labels_renew_start
from galleries.labelling import face_label, face_unlabel
from galleries.models import (
    MAX_FACES_PER_SUBJECT,
    EnrolledFace,
    FaceLabel,
    FaceRejection,
    Gallery,
    Subject,
    UnnamedPerson,
)
from galleries.services import subject_change
from galleries.unnamed import unnamed_name
from galleries.unnamed_pool import pool_cluster

from .helpers import gallery_of
from .people_helpers import analyse, analysed, jobs_do, looked_up, trained

STEPS = 36
MACHINE, PERSON = FaceLabel.By.MACHINE, FaceLabel.By.PERSON


class Album:
    """A team's photos and galleries, random deeds on them, and the book of what was said by hand.

    `named`: face of a photo -> who a person said it is; `ruled_out`: (face, who a person said it is not);
    `given`: enrolled face -> whom a person gave it to.
    """

    def __init__(self, team: Team, seed: int) -> None:
        self.team = team
        self.random = random.Random(seed)
        self.named: dict[UUID, UUID] = {}
        self.ruled_out: set[tuple[UUID, UUID]] = set()
        self.given: dict[UUID, UUID | None] = {}
        self.galleries = [
            gallery_of(team, {"Ada": 0, "Bob": 1, "Cleo": 2}),
            gallery_of(team, {"Dan": 3, "Eve": 4, "Ada again": 0}),
        ]
        # Persons 5 and 6 are in no gallery.
        for view in range(7):
            persons = self.random.sample(range(7), 3)
            looked_up(team, *analysed(team, *persons, view=view + 10))

    # --- Chance ---
    def _subject(self, gallery: Gallery | None = None) -> Subject:
        rows = Subject.objects.filter(gallery=gallery) if gallery else Subject.objects.all()
        return self.random.choice(list(rows.order_by("created_at", "pk")))

    def _face(self) -> Face:
        return self.random.choice(list(Face.objects.order_by("created_at", "media__created_at", "left")))

    # --- Said by hand ---
    def label(self) -> None:
        face, subject = self._face(), self._subject()
        before = FaceLabel.objects.filter(face=face).first()
        face_label(face=face, subject=subject)
        self.named[face.pk] = subject.pk
        was = before.subject_id if before is not None else None
        if was is not None and was != subject.pk:
            self.ruled_out.add((face.pk, was))
        self.ruled_out.discard((face.pk, subject.pk))

    def unlabel(self) -> None:
        labels = FaceLabel.objects.filter(subject__isnull=False).select_related("face")
        if labels:
            label = self.random.choice(list(labels.order_by("face__created_at", "face__left")))
            face_unlabel(face=label.face)
            self.named.pop(label.face_id, None)
            assert label.subject_id is not None
            self.ruled_out.add((label.face_id, label.subject_id))

    def merge(self) -> None:
        gallery = self.random.choice(self.galleries)
        people = list(gallery.subjects.order_by("created_at", "pk"))
        if len(people) > 2:
            into, other = self.random.sample(people, 2)
            theirs = list(other.faces.values_list("pk", flat=True))
            subjects_merge(gallery=gallery, into=into, others=[other])
            self._rename(other.pk, into.pk)
            self.given |= dict.fromkeys(theirs, into.pk)

    def _rename(self, old: UUID, new: UUID) -> None:
        """In the book `old` is `new` from now on; whom a person named is not ruled out."""
        self.named = {face: new if who == old else who for face, who in self.named.items()}
        self.given = {face: new if who == old else who for face, who in self.given.items()}
        ruled_out = {(face, new if who == old else who) for face, who in self.ruled_out}
        self.ruled_out = {(face, who) for face, who in ruled_out if self.named.get(face) != who}

    def split(self) -> None:
        subject = self._subject()
        faces = self._some(subject.faces.order_by("created_at", "pk").values_list("pk", flat=True))
        labels = subject.labels.order_by("face__created_at", "face__left")
        photo_faces = self._some(labels.values_list("face", flat=True))
        if not faces and not photo_faces:
            return
        new = subject_split(subject=subject, face_ids=faces, photo_face_ids=photo_faces, name="Split")
        self.given |= dict.fromkeys(faces, new.pk)
        self.named |= dict.fromkeys(photo_faces, new.pk)
        self.ruled_out |= {(face, subject.pk) for face in photo_faces}

    def _some(self, ids: Iterable[UUID]) -> list[UUID]:
        every = list(ids)
        return self.random.sample(every, self.random.randint(0, len(every)))

    def move(self) -> None:
        subject = self._subject()
        target = self.random.choice([one for one in self.galleries if one.pk != subject.gallery_id])
        if Subject.objects.filter(gallery=subject.gallery_id).count() > 2:
            subjects_move(subjects=[subject], gallery=target)
            self.given |= dict.fromkeys(subject.faces.values_list("pk", flat=True), subject.pk)

    def give(self) -> None:
        face = self.random.choice(list(EnrolledFace.objects.order_by("created_at", "pk")))
        to = self._subject(face.gallery) if self.random.random() < 0.8 else None
        face_move(face=face, subject=to)
        self.given[face.pk] = to.pk if to else None

    def rename(self) -> None:
        subject_change(subject=self._subject(), name=f"Name {self.random.random()}")

    def name_unknown(self) -> None:
        people = list(UnnamedPerson.objects.order_by("created_at", "pk"))
        if people:
            unnamed = self.random.choice(people)
            faces = list(FaceLabel.objects.filter(unnamed=unnamed).values_list("pk", flat=True))
            subject = self._subject()
            unnamed_name(
                team=self.team, unnamed_ids=[unnamed.pk], gallery=subject.gallery, subject_id=subject.pk
            )
            self.named |= dict.fromkeys(faces, subject.pk)
            self.ruled_out -= {(face, subject.pk) for face in faces}
            new = subject.faces.filter(by_hand=True).values_list("pk", flat=True)
            self.given |= dict.fromkeys(new, subject.pk)

    # --- What the machine does ---
    def train(self) -> None:
        trained(*self.galleries)

    def look_through(self) -> None:
        for gallery in self.galleries:
            labels_renew_start(gallery=gallery)
        jobs_do()

    def group(self) -> None:
        pool_cluster(team=self.team)

    def analyse_again(self) -> None:
        face = self._face()
        analyse(self.team, face.media)
        looked_up(self.team, face)

    # --- The book ---
    def check(self) -> None:
        """The tables say what the book says, and the machine contradicts nobody."""
        by_hand = FaceLabel.objects.filter(by=PERSON)
        assert dict(by_hand.values_list("face", "subject")) == self.named
        said = FaceRejection.objects.filter(subject__isnull=False)
        assert set(said.values_list("face", "subject")) == self.ruled_out
        machine = FaceLabel.objects.filter(by=MACHINE, subject__isnull=False)
        assert not set(machine.values_list("face", "subject")) & self.ruled_out
        assert dict(EnrolledFace.objects.filter(by_hand=True).values_list("pk", "subject")) == self.given

    def machines_word(self) -> frozenset[tuple[UUID, UUID]]:
        labels = FaceLabel.objects.filter(by=MACHINE, subject__isnull=False)
        return frozenset(labels.values_list("face", "subject"))


BY_HAND = ("label", "label", "unlabel", "merge", "split", "move", "give", "give", "rename", "name_unknown")
BY_MACHINE = ("train", "look_through", "group", "analyse_again")


@pytest.mark.parametrize("seed", range(4))
def test_what_was_said_by_hand_is_neither_lost_nor_changed_whatever_follows(in_team: Team, seed: int) -> None:
    album = Album(in_team, seed)
    album.train()
    assert album.machines_word(), "the machine has found the planted people"
    words, labelled = {album.machines_word()}, 0
    for step in range(STEPS):
        # Every other step is the machine's, so that nothing said by hand stays untested.
        name = album.random.choice(BY_MACHINE if step % 2 else BY_HAND)
        deed: Callable[[], None] = getattr(album, name)
        deed()
        album.check()
        words.add(album.machines_word())
        labelled = max(labelled, len(album.named))
    album.train()
    album.check()
    assert labelled > 3, "a test of nothing would pass too"
    assert len(words) > 3, "the machine changes its own answers"
    assert all(one.faces.count() <= MAX_FACES_PER_SUBJECT for one in Subject.objects.all())
