"""Who the people of a video are: each is looked up once, by the mean of their faces."""

from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

import numpy as np
import structlog
from django.db import transaction

from accounts.audit import record
from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from analysis.refusals import refuse as analysis_refuse
from media_jobs.models import Video

from .models import Gallery, VideoLabel
from .refusals import Refusal, refuse
from .search import identify

logger = structlog.get_logger(__name__)


def gallery_find(team: Team, gallery: str) -> UUID:
    """The id of a gallery of the team by its id or key.

    Raises Refusal `gallery_unknown`, and `gallery_holds_faces` for one that has no people to be looked up.
    """
    rows = Gallery.objects.filter(namespace="")
    try:
        found = rows.filter(pk=UUID(gallery)).first()
    except ValueError:
        found = rows.filter(key=gallery).first()
    if found is None:
        raise refuse("gallery_unknown")
    if found.holds != Gallery.Holds.SUBJECTS:
        raise refuse("gallery_holds_faces")
    return found.pk


def gallery_choices(team: Team) -> list[tuple[UUID, str]]:
    """Id and name of the galleries in which the people of videos can be looked up, by name."""
    rows = Gallery.objects.filter(namespace="", holds=Gallery.Holds.SUBJECTS)
    return list(rows.order_by("name", "pk").values_list("pk", "name"))


@transaction.atomic
def video_identify_again(*, video_id: UUID, gallery_id: UUID | None) -> Video:
    """Look the people of a video up anew, in another gallery perhaps; None forgets who they are.

    Raises Refusal `video_not_ready`, `gallery_unknown`, `gallery_not_trained`, `models_differ` and what else
    keeps a gallery from answering; then everything stays as it was. Raises Video.DoesNotExist.
    """
    video = Video.objects.select_for_update(of=("self",)).select_related("team").get(pk=video_id)
    if video.status != Video.Status.READY:
        raise analysis_refuse("video_not_ready")
    VideoLabel.objects.filter(person__video=video).delete()
    video.gallery_id = gallery_id
    video.summary.pop("identification", None)
    if gallery_id is not None and video.team.analyze_identity:
        _label(video.team, video, gallery_id)
    video.save(update_fields=["gallery_id", "summary"])
    record("video.identified", team=video.team, obj=video)
    return video


def video_identify(team: Team, video: Video) -> None:
    """Say who the people of a video are, in the transaction that ends its analysis.

    What keeps a gallery from answering (not trained, another model, erased) does not keep the video from its
    results: the video's summary then says why, and `POST .../identify` asks again.
    """
    VideoLabel.objects.filter(person__video=video).delete()
    video.summary.pop("identification", None)
    if video.gallery_id is not None and team.analyze_identity:
        try:
            with transaction.atomic():
                _label(team, video, video.gallery_id)
        except Refusal as refusal:
            logger.info("video_not_identified", video_id=str(video.pk), code=refusal.code)
            video.summary["identification"] = {"code": refusal.code, "detail": refusal.message}
    Video.objects.filter(pk=video.pk).update(summary=video.summary)


def _label(team: Team, video: Video, gallery_id: UUID) -> None:
    gallery = Gallery.objects.filter(pk=gallery_id).first()
    if gallery is None:
        raise refuse("gallery_unknown")
    probes = _probes(video, gallery.model_sha256)
    if not probes:
        return
    people = list(VideoPerson.objects.filter(pk__in=probes).order_by("number").values_list("pk", flat=True))
    answers = identify(
        gallery=gallery,
        probes=[probes[pk] for pk in people],
        model_sha256=gallery.model_sha256,
        count=1,
    )
    VideoLabel.objects.bulk_create(
        [
            VideoLabel(
                person_id=pk,
                team=team,
                gallery=gallery,
                subject_id=candidates[0].subject_id,
                confidence=candidates[0].confidence,
            )
            for pk, candidates in zip(people, answers, strict=True)
            if candidates and candidates[0].subject_id is not None
        ]
    )


def _probes(video: Video, model_sha256: str) -> Mapping[UUID, list[float]]:
    """The vector of each person, of length 1: the mean of their tracks', by how many faces each is of."""
    rows = VideoTrack.objects.filter(
        video=video, person__isnull=False, embedding__isnull=False, model_sha256=model_sha256
    ).values_list("person_id", "embedding", "embedding_count")
    sums: dict[UUID, np.ndarray] = defaultdict(lambda: np.zeros(1))
    for person, embedding, count in rows:
        sums[person] = sums[person] + np.asarray(embedding, np.float64) * count
    return {pk: (total / np.linalg.norm(total)).tolist() for pk, total in sums.items()}
