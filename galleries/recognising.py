"""Who is on the team's photos, said by the machine: new faces are looked up in the galleries that want it.

A face is looked up in the last trained state of every gallery of the team that labels photos and has the
face's model. No match means no label: `galleries.unnamed_pool` takes such faces. What a person has said is
left alone, and so are unnamed people that a person has put together.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.access import across_teams
from accounts.models import Team
from analysis.models import FaceEmbedding
from media_jobs.models import Media
from ml_models.recognition import recognition_models

from .consent import consented
from .jobs import Progress
from .label_jobs import labels_renew_start
from .models import FaceLabel, FaceRejection, Gallery, GalleryJob, Subject
from .refusals import Refusal
from .search import MOST_CANDIDATES, Candidate, confidence_among, identify, people_in

logger = structlog.get_logger(__name__)

#: How sure the machine must be before it names a face, at least; and how many times likelier than not for
#: each person of the gallery. Nobody has asked, and a wrong name must be found and mended by hand, so this is
#: stricter than what identification answers (`search.threshold_among`): about one stranger in a hundred.
LABEL_ODDS_PER_PERSON = 1.0
LABEL_CONFIDENCE = 0.9
#: Faces of one transaction.
CHUNK = 200
#: Photos of one task.
PHOTOS = 50
# After this long the task about a new face must be lost.
RESEND_AFTER = timedelta(minutes=5)

#: Labels that the machine may change: its own, except of unnamed people that a person has put together.
MACHINES = Q(by=FaceLabel.By.MACHINE) & (Q(unnamed=None) | Q(unnamed__by_hand=False))


@dataclass(frozen=True)
class _Probe:
    """A face to be looked up. `created_at` is when its vector was stored: it changes with the vector."""

    face_id: UUID
    media_id: UUID
    created_at: datetime
    embedding: list[float]
    model_sha256: str
    quality: str


def galleries_that_label() -> QuerySet[Gallery]:
    """Galleries whose people are looked for in the team's photos: those that want it, were trained and whose
    model is installed.
    """
    return Gallery.objects.filter(
        label_photos=True,
        holds=Gallery.Holds.SUBJECTS,
        states__is_current=True,
        model__in=list(recognition_models()),
    ).order_by("id")


# --- When photos were analysed ----------------------------------------------------------------------
def photos_analyzed(team: Team, media_ids: Sequence[UUID]) -> None:
    """Have the faces of photos looked up once the running transaction is committed."""
    if not team.analyze_identity:
        return
    if galleries_that_label().exists():
        ids = list(media_ids)
        transaction.on_commit(lambda: photos_send(team_id=team.pk, media_ids=ids), robust=True)
    else:
        # There is nobody to be found, so beat need not see to it.
        FaceEmbedding.objects.filter(face__media__in=media_ids).update(looked_up_at=Now())


def photos_send(*, team_id: UUID, media_ids: Sequence[UUID]) -> bool:
    """Hand photos to the broker; False when it cannot be reached. Then beat sends them later."""
    from .tasks import label_photos

    for start in range(0, len(media_ids), PHOTOS):
        some = [str(pk) for pk in media_ids[start : start + PHOTOS]]
        try:
            label_photos.apply_async(kwargs={"team_id": str(team_id), "media_ids": some}, queue="background")
        except (OperationalError, OSError) as error:
            logger.warning("photos_not_sent", reason=type(error).__name__)
            return False
    return True


def forgotten_photos_send(*, limit: int = 1000) -> int:
    """Send photos of all teams with faces that were not looked up for long; returns how many photos."""
    long_ago = FaceEmbedding.unscoped.filter(
        looked_up_at=None, created_at__lt=timezone.now() - RESEND_AFTER, team__deleting_at=None
    )
    # Across teams: whose faces were forgotten.
    with across_teams():
        found = list(long_ago.order_by("created_at").values_list("team_id", "face__media_id")[:limit])
    photos: dict[UUID, set[UUID]] = defaultdict(set)
    for team_id, media_id in found:
        photos[team_id].add(media_id)
    sent = 0
    for team_id, media_ids in photos.items():
        if not photos_send(team_id=team_id, media_ids=sorted(media_ids)):
            break
        sent += len(media_ids)
    return sent


def photos_label(*, team: Team, media_ids: Sequence[UUID]) -> int:
    """Look up the faces of photos that were not looked up yet; returns how many labels changed.

    Safe to run twice. The caller is inside the team's scope.
    """
    new = FaceEmbedding.objects.filter(face__media__in=media_ids, looked_up_at=None)
    ids = list(new.order_by("pk").values_list("pk", flat=True))
    return sum(
        faces_look_up(team=team, face_ids=ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)
    )


# --- After training ---------------------------------------------------------------------------------
def training_ended(job: GalleryJob) -> None:
    """After a gallery was trained: have all photos of the team looked through."""
    if job.status == GalleryJob.Status.SUCCEEDED and job.gallery is not None:
        labels_renew_start(gallery=job.gallery, user=job.created_by)


def labels_renew(job: GalleryJob) -> Iterator[Progress]:
    """The work of a job of kind 'label': look up every face of the team's photos again.

    `done` counts faces. In the order of their ids, so that the runner may be stopped and begin anew.
    """
    gallery = job.gallery
    if gallery is None or not gallery.label_photos:
        return
    faces = FaceEmbedding.objects.filter(model_sha256=gallery.model_sha256).order_by("pk")
    total = faces.count()
    done, after = 0, UUID(int=0)
    while ids := list(faces.filter(pk__gt=after).values_list("pk", flat=True)[:CHUNK]):
        faces_look_up(team=job.team, face_ids=ids)
        done, after = done + len(ids), ids[-1]
        yield Progress(done=done, total=max(done, total))


# --- Looking up -------------------------------------------------------------------------------------
def faces_look_up(*, team: Team, face_ids: Sequence[UUID]) -> int:
    """Look up some faces, whoever the machine took them for before; returns how many labels changed.

    The search runs without any lock; what changed meanwhile is seen before anything is written. The caller
    is inside the team's scope.
    """
    if not Team.objects.filter(pk=team.pk, analyze_identity=True).exists():
        return 0
    probes = _probes(face_ids)
    try:
        answers = _answers(probes)
    except Refusal as refusal:
        # A gallery was erased or changed its model since it was listed: beat sends these faces again.
        logger.info("faces_not_looked_up", reason=refusal.code)
        FaceEmbedding.objects.filter(pk__in=face_ids).update(looked_up_at=None)
        return 0
    return _write(team, probes, answers)


def _probes(face_ids: Sequence[UUID]) -> list[_Probe]:
    decided = FaceLabel.objects.filter(pk__in=face_ids).exclude(MACHINES).values("pk")
    rows = (
        FaceEmbedding.objects.filter(pk__in=face_ids)
        .exclude(pk__in=decided)
        .order_by("pk")
        .values_list("face_id", "face__media_id", "created_at", "embedding", "model_sha256", "quality")
    )
    return [
        _Probe(face_id, media_id, created_at, list(vector), sha256, quality)
        for face_id, media_id, created_at, vector, sha256, quality in rows
    ]


def _answers(probes: Sequence[_Probe]) -> dict[UUID, list[Candidate]]:
    """For each face whom it may be, of all galleries, the nearest first; nobody for a poor picture.

    Poor ones are mistaken ten times as often (docs/models/recognition.md), and nobody has asked.
    """
    answers: dict[UUID, list[Candidate]] = defaultdict(list)
    by_model: dict[str, list[_Probe]] = defaultdict(list)
    for probe in probes:
        if probe.quality != "low":
            by_model[probe.model_sha256].append(probe)
    galleries = list(galleries_that_label().filter(model_sha256__in=by_model)) if by_model else []
    for gallery in galleries:
        mine = by_model[gallery.model_sha256]
        found = identify(
            gallery=gallery,
            probes=[probe.embedding for probe in mine],
            model_sha256=gallery.model_sha256,
            # As many of the best may have been ruled out by people.
            count=min(MOST_CANDIDATES, 1 + _most_rejections([probe.face_id for probe in mine])),
            confidence=label_confidence(gallery),
        )
        for probe, candidates in zip(mine, found, strict=True):
            answers[probe.face_id] += candidates
    return {face_id: _sorted(candidates) for face_id, candidates in answers.items()}


def label_confidence(gallery: Gallery) -> float:
    """How sure the machine must be of a person of this gallery before it names a face."""
    among = confidence_among(people_in(gallery), LABEL_ODDS_PER_PERSON)
    return max(LABEL_CONFIDENCE, among, gallery.threshold or 0.0)


def _sorted(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates of several galleries, the nearest first."""
    people = [one for one in candidates if one.subject_id is not None]
    return sorted(people, key=lambda one: (one.distance, str(one.subject_id)))


def _most_rejections(face_ids: Sequence[UUID]) -> int:
    """Of how many people somebody has said at most that one of the faces is not them."""
    said = FaceRejection.objects.filter(face__in=face_ids, subject__isnull=False).order_by()
    return max(said.values("face").annotate(n=Count("pk")).values_list("n", flat=True), default=0)


@transaction.atomic
def _write(team: Team, probes: Sequence[_Probe], answers: dict[UUID, list[Candidate]]) -> int:
    photos = Media.objects.select_for_update(no_key=True).filter(pk__in={one.media_id for one in probes})
    list(photos.order_by("id").values("pk"))
    named = {
        one.subject_id for candidates in answers.values() for one in candidates if one.subject_id is not None
    }
    people = _people_lock(named)
    # Somebody who is gone was merged or erased since the search: the faces are looked up again.
    gone = named - set(Subject.objects.filter(pk__in=named).values_list("pk", flat=True))
    current = dict(
        FaceEmbedding.objects.filter(pk__in=[one.face_id for one in probes]).values_list("pk", "created_at")
    )
    seen = [one.face_id for one in probes if current.get(one.face_id) == one.created_at]
    stale = {pk for pk in seen if gone & {one.subject_id for one in answers.get(pk, [])}}
    settled = [pk for pk in seen if pk not in stale]
    FaceEmbedding.objects.filter(pk__in=stale).update(looked_up_at=None)
    FaceEmbedding.objects.filter(pk__in=settled).update(looked_up_at=Now())
    rejected = set(
        FaceRejection.objects.filter(face__in=settled, subject__isnull=False).values_list("face", "subject")
    )
    chosen = {pk: _best(pk, answers.get(pk, []), people, rejected) for pk in settled}
    return _labels_write(team, chosen)


def _people_lock(subject_ids: set[UUID]) -> set[UUID]:
    """Lock people until the labels are written; those who may be recognised now."""
    rows = Subject.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=subject_ids)
    rows = rows.filter(consented(), gallery__label_photos=True)
    return set(rows.order_by("id").values_list("pk", flat=True))


def _best(
    face_id: UUID, candidates: Sequence[Candidate], people: set[UUID], rejected: set[tuple[Any, Any]]
) -> Candidate | None:
    for one in candidates:
        if one.subject_id in people and (face_id, one.subject_id) not in rejected:
            return one
    return None


def _labels_write(team: Team, chosen: dict[UUID, Candidate | None]) -> int:
    """Write what the machine found, nowhere over a person's word; returns how many labels changed."""
    labels = FaceLabel.objects.select_for_update(of=("self",)).select_related("unnamed")
    known = {label.pk: label for label in labels.filter(pk__in=chosen).order_by("pk")}
    changed, dropped, fresh = [], [], []
    for pk, one in chosen.items():
        label = known.get(pk)
        if label is None:
            if one is not None:
                fresh.append(_label(team, pk, one))
        elif label.by != FaceLabel.By.MACHINE or (label.unnamed is not None and label.unnamed.by_hand):
            continue
        elif one is None:
            # Nobody any more. Who is in the pool stays there.
            if label.subject_id is not None:
                dropped.append(pk)
        elif (label.subject_id, label.confidence) != (one.subject_id, one.confidence):
            changed.append(_label(team, pk, one))
    FaceLabel.objects.filter(pk__in=dropped).delete()
    FaceLabel.objects.bulk_update(
        changed, ["subject", "unnamed", "confidence", "decided_by", "decided_at"], batch_size=CHUNK
    )
    # Whoever labels one of them at this moment has decided better.
    FaceLabel.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(changed) + len(dropped) + len(fresh)


def _label(team: Team, face_id: UUID, one: Candidate) -> FaceLabel:
    return FaceLabel(
        face_id=face_id,
        team=team,
        subject_id=one.subject_id,
        unnamed=None,
        by=FaceLabel.By.MACHINE,
        confidence=one.confidence,
        decided_by=None,
        decided_at=Now(),
    )
