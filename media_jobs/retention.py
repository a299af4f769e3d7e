"""Letting go of what a team does not want to keep any longer.

Days count from the moment a photo came in. Three things go, each by a policy of its own: the pictures, the
faces with their scores and vectors, and at last the photo's entry with all that is left. Beat enforces them
in chunks of one transaction each, every team in turn; running it twice, or twice at once, does no harm.
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.audit import record, redact_objects
from accounts.models import Team
from analysis.models import Face
from analysis.services import switched_off_erase

from .erasure import CHUNK, exports_forget, media_erase
from .models import Job, JobItem, Media
from .services import release_files

logger = structlog.get_logger(__name__)

# A photo that came in just now may be about to get its job. Pictures that are not kept at all go with the
# result, so this is only for those that got none.
SETTLED_AFTER = timedelta(minutes=15)
# Longer than a chunk takes, and well within the broker's visibility timeout.
BUDGET_SECONDS = 20.0
ITEMS_CHUNK = 1000


def cutoff(days: int, now: datetime) -> datetime:
    """Photos that came in before this moment are past `days` days."""
    return now - max(timedelta(days=days), SETTLED_AFTER)


# --- Pictures ---------------------------------------------------------------------------------------
def _in_work() -> Exists:
    """Whether a photo still waits for its analysis: its picture is needed until then."""
    return Exists(JobItem.objects.filter(media=OuterRef("pk"), status=JobItem.Status.PENDING))


def pictures_due(team: Team, now: datetime) -> QuerySet[Media]:
    """Photos whose pictures are past the team's policy, the oldest first."""
    photos = Media.objects.filter(pictures_erased_at=None).order_by("created_at")
    if team.keep_originals_days is None:
        return photos.none()
    return photos.filter(~_in_work(), created_at__lt=cutoff(team.keep_originals_days, now))


def _pictures_release(team: Team, photos: Sequence[Media]) -> None:
    """Let go of the files of photos whose rows the caller has locked."""
    if not photos:
        return
    release_files(team=team, names=[name for photo in photos for name in photo.file_names])
    Media.objects.filter(pk__in=[photo.pk for photo in photos]).update(
        original="", preview="", thumbnail="", stored_bytes=0, pictures_erased_at=timezone.now()
    )
    # The exports hold the pictures too.
    exports_forget(team)


def analyses_settled(*, team: Team, items: Sequence[JobItem]) -> None:
    """Do what retention asks when items of jobs end, in the transaction that stores their results.

    A team that keeps no pictures loses them now, also where the analysis failed, unless another job still
    waits for them. A photo whose faces had expired has new ones: they are looked at again. Call it before
    faces are stored: photos are locked before the row that counts what a team uses.
    """
    media_ids = sorted(item.media_id for item in items if item.media_id is not None)
    Media.objects.filter(pk__in=media_ids).exclude(faces_erased_at=None).update(faces_erased_at=None)
    if team.keep_originals_days != 0 or not media_ids:
        return
    others = JobItem.objects.filter(media=OuterRef("pk"), status=JobItem.Status.PENDING)
    others = others.exclude(pk__in=[item.pk for item in items])
    photos = Media.objects.filter(~Exists(others), pk__in=media_ids, pictures_erased_at=None)
    _pictures_release(team, list(photos.select_for_update().order_by("id")))


@transaction.atomic
def pictures_expire(*, team: Team, now: datetime, limit: int = CHUNK) -> int:
    """Erase the pictures of some photos that are past the policy; returns how many."""
    photos = list(pictures_due(team, now).select_for_update(skip_locked=True)[:limit])
    if photos:
        _pictures_release(team, photos)
        record("media.pictures_expired", team=team, photos=len(photos))
    return len(photos)


# --- Faces ------------------------------------------------------------------------------------------
def faces_due(team: Team, now: datetime) -> QuerySet[Media]:
    """Photos whose faces are past the team's policy, the oldest first."""
    photos = Media.objects.filter(faces_erased_at=None).order_by("created_at")
    if team.keep_faces_days is None:
        return photos.none()
    return photos.filter(~_in_work(), created_at__lt=cutoff(team.keep_faces_days, now))


@transaction.atomic
def faces_expire(*, team: Team, now: datetime, limit: int = CHUNK) -> int:
    """Erase the faces of some photos that are past the policy; returns of how many photos.

    The photo keeps the number of its faces, and nothing about any of them.
    """
    photos = list(faces_due(team, now).select_for_update(skip_locked=True)[:limit])
    if photos:
        ids = [photo.pk for photo in photos]
        faces = list(Face.objects.filter(media_id__in=ids).values_list("pk", flat=True))
        Media.objects.filter(pk__in=ids).update(faces_erased_at=timezone.now())
        exports_forget(team)
        Face.objects.filter(media_id__in=ids).delete()
        redact_objects("face", [str(pk) for pk in faces])
        record("media.faces_expired", team=team, photos=len(photos), faces=len(faces))
    return len(photos)


# --- Results ----------------------------------------------------------------------------------------
def results_due(team: Team, now: datetime) -> QuerySet[Media]:
    """Photos that go with everything about them, the oldest first."""
    photos = Media.objects.order_by("created_at", "id")
    if team.keep_results_days is None:
        return photos.none()
    return photos.filter(created_at__lt=cutoff(team.keep_results_days, now))


@transaction.atomic
def results_expire(*, team: Team, now: datetime, limit: int = CHUNK) -> int:
    """Erase some photos that are past the policy, as if somebody had; returns how many."""
    ids: list[UUID] = list(results_due(team, now).values_list("pk", flat=True)[:limit])
    erased = media_erase(team=team, media_ids=ids, recorded=False) if ids else 0
    if erased:
        record("media.results_expired", team=team, photos=erased)
    return erased


@transaction.atomic
def jobs_expire(*, team: Team, now: datetime, limit: int = ITEMS_CHUNK) -> int:
    """Erase the entries of jobs that ended before the policy's day; returns how many rows."""
    if team.keep_results_days is None:
        return 0
    over = Job.objects.filter(
        created_at__lt=cutoff(team.keep_results_days, now), finished_at__isnull=False
    ).order_by("created_at", "id")
    job = over.select_for_update(skip_locked=True).first()
    if job is None:
        return 0
    items = list(JobItem.objects.filter(job=job).values_list("pk", flat=True)[:limit])
    erased, _ = JobItem.objects.filter(pk__in=items).delete()
    if not JobItem.objects.filter(job=job).exists():
        release_files(team=team, names=[job.archive] if job.archive else [])
        redact_objects("job", [str(job.pk)])
        job.delete()
        erased += 1
    return erased


# --- What was switched off ---------------------------------------------------------------------------
@transaction.atomic
def switched_off_expire(*, team: Team, now: datetime) -> int:
    """Erase stored scores of what the team has switched off; returns of how many faces."""
    changed = switched_off_erase(team=team)
    if changed:
        exports_forget(team)
    return changed


# --- All of it, for all teams -----------------------------------------------------------------------
Expire = Callable[..., int]
#: In this order: what goes as a whole need not lose its parts first. Apps above may add their own.
EXPIRIES: list[Expire] = [results_expire, pictures_expire, faces_expire, switched_off_expire, jobs_expire]


def _teams_with_a_policy() -> list[Team]:
    policy = (
        Q(keep_originals_days__isnull=False)
        | Q(keep_faces_days__isnull=False)
        | Q(keep_results_days__isnull=False)
        | Q(analyze_emotion=False)
        | Q(analyze_age=False)
        | Q(analyze_gender=False)
        | Q(analyze_identity=False)
    )
    # Across teams: which of them want something erased.
    with across_teams():
        return list(Team.objects.filter(policy, deleting_at=None))


def retention_enforce(*, seconds: float = BUDGET_SECONDS, clock: Callable[[], float] = time.monotonic) -> int:
    """Erase what is past its day; returns how many things went.

    One chunk of each kind per team and round, so that a team with very much to erase does not keep the
    others waiting. What the time does not suffice for is left to the next run.
    """
    end = clock() + seconds
    teams = _teams_with_a_policy()
    # Where the time ends within a round, it is not always the same teams that wait.
    random.shuffle(teams)
    erased = 0
    while teams:
        busy = []
        for team in teams:
            if clock() >= end:
                return erased
            gone = _team_chunk(team)
            erased += gone
            if gone:
                busy.append(team)
        teams = busy
    return erased


def _team_chunk(team: Team) -> int:
    now = timezone.now()
    with team_scope(team), structlog.contextvars.bound_contextvars(team_id=str(team.pk)):
        gone = sum(expire(team=team, now=now) for expire in EXPIRIES)
        if gone:
            logger.info("retention_erased", count=gone)
    return gone
