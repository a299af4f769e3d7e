"""Erasing from stored videos what their team has switched off (`analysis.switches`).

A track says by columns of its own what its samples hold, so that it is found by an index and written anew
once. Whoever calls has locked the videos: their figures are not computed anew meanwhile.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from analysis.switches import hidden_columns, switched_off

from .selectors import metrics_shown
from .series import series_read

#: By switch: the column that says that the samples of a track hold something of it.
HOLDS = {"analyze_emotion": "holds_emotion", "analyze_age": "holds_age", "analyze_gender": "holds_gender"}
#: The columns of a track that has no vector.
NO_VECTOR: dict[str, Any] = {"embedding": None, "embedding_count": 0, "model": "", "model_sha256": ""}
# Rows of one statement: samples are kilobytes each.
_BATCH = 50


def videos_holding(*, team: Team, limit: int) -> list[UUID]:
    """Some videos with tracks that still hold what the team has switched off. In the team's scope."""
    conditions = [Q(**{column: True}) for column in _columns(team)]
    if not team.analyze_identity:
        conditions.append(Q(embedding__isnull=False))
    found: set[UUID] = set()
    for condition in conditions:
        # Not distinct ones: that would look at all of them.
        rows = VideoTrack.objects.filter(condition).order_by()
        found.update(rows.values_list("video_id", flat=True)[: 20 * limit])
    return sorted(found)[:limit]


def tracks_blank(*, team: Team, video_ids: Sequence[UUID], limit: int) -> int:
    """Erase it from at most `limit` tracks of these videos, and from their people; returns how many tracks.

    Call it until it says 0. `team` is as the database has it now; the caller is inside its scope, in a
    transaction.
    """
    tracks = VideoTrack.objects.filter(video__in=video_ids)
    changed = _samples_blank(team, tracks.order_by("video", "chunk", "number"), limit) if video_ids else 0
    if not team.analyze_identity and changed < limit:
        held = tracks.filter(embedding__isnull=False).order_by().values("pk")[: limit - changed]
        changed += VideoTrack.objects.filter(pk__in=held).update(**NO_VECTOR)
    if changed and hidden_columns(team):
        people_blank(team=team, video_ids=video_ids)
    return changed


def people_blank(*, team: Team, video_ids: Sequence[UUID]) -> None:
    """Take what the team has switched off out of the figures of the people of these videos."""
    hidden = hidden_columns(team)
    changed = []
    # As plain values: reading people hides what this is about.
    columns = ("pk", "age", "gender", "metrics")
    for pk, age, gender, metrics in VideoPerson.objects.filter(video__in=video_ids).values_list(*columns):
        left = (
            None if "age" in hidden else age,
            "" if "gender" in hidden else gender,
            metrics_shown(metrics, team),
        )
        if left != (age, gender, metrics):
            changed.append(VideoPerson(pk=pk, age=left[0], gender=left[1], metrics=left[2]))
    VideoPerson.objects.bulk_update(changed, ["age", "gender", "metrics"], batch_size=500)


def _columns(team: Team) -> list[str]:
    return [HOLDS[switch.field] for switch in switched_off(team) if switch.field in HOLDS]


def _samples_blank(team: Team, tracks: QuerySet[VideoTrack], limit: int) -> int:
    columns = _columns(team)
    if not columns:
        return 0
    held = Q(*((column, True) for column in columns), _connector=Q.OR)
    rows = list(tracks.filter(held).only("pk", "samples")[:limit])
    for row in rows:
        row.samples = series_read(row.samples).hidden_from(team).as_bytes()
        for column in columns:
            setattr(row, column, False)
    VideoTrack.objects.bulk_update(rows, ["samples", *columns], batch_size=_BATCH)
    return len(rows)
