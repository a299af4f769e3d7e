"""Writes about the people of a video: who they are made of, what they are called, what is said of them.

Every write locks the row of the video first, so that two of them never see each other's half. Corrections are
for videos whose analysis is over; each leaves the figures of the people it touches and of the video fresh.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from accounts.access import current_team
from accounts.audit import record, redact_objects
from analysis.models import VideoPerson, VideoTrack
from analysis.refusals import refuse

from .overlaps import moment_together
from .selectors import StoredVideo, in_handfuls, metrics_shown, series_of_people
from .splitting import divided
from .summaries import Everyone, summary_of_people, summary_of_person

_FIGURES = ["first_ms", "last_ms", "sample_count", "age", "gender", "metrics", "portrait"]

# One statement, whatever the number of tracks.
_ASSIGN = """
UPDATE analysis_videotrack AS track SET person_id = given.person
FROM unnest(%s::uuid[], %s::uuid[]) AS given (track, person)
WHERE track.id = given.track AND track.video_id = %s
"""


def _video_model() -> Any:
    """`media_jobs.Video`, a model of an app above."""
    return VideoPerson._meta.get_field("video").related_model  # noqa: SLF001 - as Django documents it


def _video_lock(video_id: UUID) -> Any:
    """Let nobody else change the people of a video until this transaction ends."""
    return _video_model().objects.select_for_update().get(pk=video_id)


def _ready_lock(video_id: UUID) -> Any:
    """The same for a correction. Raises Refusal `video_not_ready`."""
    video = _video_lock(video_id)
    if video.status != "ready":
        raise refuse("video_not_ready")
    return video


def _still_there(video_id: UUID, ids: Collection[UUID]) -> dict[UUID, VideoPerson]:
    """People of a video as they are now, by id. Raises Refusal `people_unknown`."""
    rows = VideoPerson.objects.filter(video_id=video_id, pk__in=ids).select_related("label")
    found = {person.pk: person for person in rows.defer("portrait", "metrics")}
    if len(found) < len(set(ids)):
        raise refuse("people_unknown")
    return found


# --- What the analysis writes -----------------------------------------------------------------------------
@transaction.atomic
def people_store(*, video: StoredVideo, assignment: Mapping[UUID, int]) -> list[VideoPerson]:
    """Make the people of a video out of its tracks; those that were there before are gone.

    assignment: for tracks by id the number of whom they are of, any numbers. People are numbered from 1 in
    the order in which they appear. A track that is not named is of nobody. Returns them by number; call
    `people_summarise` afterwards. Five queries, whatever the numbers.
    """
    _video_lock(video.pk)
    VideoPerson.objects.filter(video_id=video.pk).delete()
    rows = VideoTrack.objects.filter(video_id=video.pk).order_by("start_ms", "chunk", "number")
    spans: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    tracks: list[tuple[UUID, int]] = []
    for pk, *span in rows.values_list("pk", "start_ms", "end_ms", "sample_count"):
        if pk in assignment:
            spans[assignment[pk]].append((span[0], span[1], span[2]))
            tracks.append((pk, assignment[pk]))
    # By their first tracks, which is the order of a dict that was filled in that of time.
    made = {
        key: VideoPerson(
            team=current_team(),
            video_id=video.pk,
            number=number,
            first_ms=min(span[0] for span in found),
            last_ms=max(span[1] for span in found),
            sample_count=sum(span[2] for span in found),
        )
        for number, (key, found) in enumerate(spans.items(), start=1)
    }
    VideoPerson.objects.bulk_create(made.values())
    _assign(video.pk, {pk: made[key].pk for pk, key in tracks})
    _count(video, len(made))
    return list(made.values())


def _assign(video_id: UUID, people: Mapping[UUID, UUID]) -> None:
    """Give tracks to people, both by id."""
    if people:
        with connection.cursor() as cursor:
            cursor.execute(_ASSIGN, [list(people), list(people.values()), video_id])


def _count(video: StoredVideo, people: int) -> None:
    video.people_count = people
    _video_model().objects.filter(pk=video.pk).update(people_count=people)


@transaction.atomic
def people_summarise(*, video: StoredVideo, people: Sequence[VideoPerson] | None = None) -> None:
    """Compute what is said of people (of all without `people`) and of the video, and store it.

    Of whom nothing is said yet, it is computed too.
    Reads the samples of everybody who counts for the video, some people at a time. What the team has switched
    off is not computed. Other entries of `Video.summary` than those made here stay.
    """
    stored = _video_lock(video.pk)
    wanted = None if people is None else {person.pk for person in people}
    rows = list(VideoPerson.objects.filter(video_id=video.pk).order_by("number").defer("portrait"))
    fresh = [person for person in rows if wanted is None or person.pk in wanted or not person.metrics]
    ids = {person.pk for person in fresh}
    portraits = _portraits(fresh)
    everyone, summaries = Everyone(stored), []
    for group in in_handfuls(one for one in rows if one.pk in ids or not one.excluded):
        found = series_of_people(group)
        for person in group:
            series = found.pop(person.pk)
            if person.pk in ids:
                _figures(person, summary_of_person(stored, series))
                person.portrait = portraits.get(person.pk)
            if not person.excluded:
                summaries.append(metrics_shown(person.metrics, current_team()))
                everyone.add(series, summaries[-1])
    VideoPerson.objects.bulk_update(fresh, _FIGURES, batch_size=200)
    summary = {
        **stored.summary,
        **summary_of_people(summaries),
        "excluded": sum(person.excluded for person in rows),
        "moments": everyone.moments(),
    }
    video.summary, video.people_count = summary, len(rows)
    _video_model().objects.filter(pk=video.pk).update(summary=summary, people_count=len(rows))


def _figures(person: VideoPerson, summary: dict[str, Any]) -> None:
    person.metrics = summary
    person.sample_count = summary["samples"]
    if summary["samples"]:
        person.first_ms, person.last_ms = summary["first_ms"], summary["last_ms"]
    age = summary["age"]
    person.age = None if age is None else min(100.0, max(0.0, age))
    person.gender = summary["gender"] or ""


def _portraits(people: Sequence[VideoPerson]) -> dict[UUID, bytes]:
    """The best picture of each of some people, in one query."""
    rows = VideoTrack.objects.filter(person__in=[person.pk for person in people], portrait__isnull=False)
    best = rows.order_by("person_id", "-portrait_score", "start_ms").distinct("person_id")
    pictures = best.values_list("person_id", "portrait")
    return {pk: bytes(portrait) for pk, portrait in pictures if pk is not None and portrait is not None}


# --- Corrections ------------------------------------------------------------------------------------------
@transaction.atomic
def person_rename(*, person: VideoPerson, name: str) -> VideoPerson:
    """Say what somebody is called; without a name they are called by their number again.

    Raises ValidationError for a name of more than 120 characters, Refusal `video_not_ready` and
    `people_unknown`.
    """
    _ready_lock(person.video_id)
    row = _still_there(person.video_id, [person.pk])[person.pk]
    row.name = name.strip()
    row.clean_fields(exclude=[field.name for field in row._meta.fields if field.name != "name"])  # noqa: SLF001
    row.save(update_fields=["name"])
    record("video_person.renamed", team=current_team(), obj=row, video_id=str(row.video_id))
    return row


@transaction.atomic
def person_exclude(*, person: VideoPerson, excluded: bool) -> VideoPerson:
    """Leave somebody out of what is said of the whole video, or take them in again.

    Raises Refusal `video_not_ready`, `people_unknown`.
    """
    video = _ready_lock(person.video_id)
    row = _still_there(person.video_id, [person.pk])[person.pk]
    if row.excluded == excluded:
        return row
    row.excluded = excluded
    row.save(update_fields=["excluded"])
    deed = "video_person.excluded" if excluded else "video_person.included"
    record(deed, team=current_team(), obj=row, video_id=str(row.video_id))
    people_summarise(video=video, people=[])
    return row


@transaction.atomic
def person_change(
    *, person: VideoPerson, name: str | None = None, excluded: bool | None = None
) -> VideoPerson:
    """`person_rename` and `person_exclude` at once, for what is given; both or nothing."""
    row = person
    if name is not None:
        row = person_rename(person=person, name=name)
    if excluded is not None:
        row = person_exclude(person=person, excluded=excluded)
    return row


@transaction.atomic
def people_merge(*, people: Sequence[VideoPerson], into: VideoPerson) -> VideoPerson:
    """Make several people of a video one: `into` stays and has all samples; the others are gone.

    Where it has no name, or nobody knows who it is, it takes these over from the first of the others that
    has. Two faces in one picture are two people, so nobody is merged with somebody who is there at the same
    moment. Raises Refusal `people_of_one`, `people_unknown`, `people_in_one_picture`, `video_not_ready`;
    nothing has changed then.
    """
    gone = {person.pk for person in people} - {into.pk}
    if not gone:
        raise refuse("people_of_one")
    video = _ready_lock(into.video_id)
    found = _still_there(into.video_id, [into.pk, *gone])
    together = moment_together(list(found))
    if together is not None:
        one, other = sorted((found[pk] for pk in together.people), key=lambda person: person.number)
        raise refuse("people_in_one_picture", one=str(one), other=str(other), at_ms=together.ms)
    kept = found.pop(into.pk)
    others = sorted(found.values(), key=lambda person: person.number)
    _take_over(kept, others)
    VideoTrack.objects.filter(person__in=gone).update(person=kept)
    VideoPerson.objects.filter(pk__in=gone).delete()
    names = [str(pk) for pk in sorted(gone)]
    # Nobody will erase the names of those who are gone, once they are gone.
    redact_objects("videoperson", names)
    record("video_person.merged", team=current_team(), obj=kept, video_id=str(video.pk), others=names)
    people_summarise(video=video, people=[kept])
    return kept


def _take_over(kept: VideoPerson, others: Sequence[VideoPerson]) -> None:
    """What the one who stays lacks and another one has: a name, and whom they were taken for."""
    kept.name = kept.name or next((one.name for one in others if one.name), "")
    kept.by_hand = True
    kept.save(update_fields=["name", "by_hand"])
    label: Any = next((one.label for one in others if hasattr(one, "label")), None)
    if label is not None and not hasattr(kept, "label"):
        label.pk = kept.pk
        label.save(force_insert=True)


@transaction.atomic
def person_split(
    *, person: VideoPerson, at_ms: int | None = None, track_ids: Collection[UUID] | None = None
) -> VideoPerson:
    """Make two people of one; returns the new one, whom nobody has named and who has the next number.

    at_ms: what is seen from this moment on is of the new one; a track that spans it is divided. Or track_ids:
    these tracks are. Raises ValueError when it is not one of the two, Refusal `split_leaves_nothing`,
    `people_unknown`, `video_not_ready`; nothing has changed then.
    """
    if (at_ms is None) == (track_ids is None):
        raise ValueError("Give either a moment or tracks.")
    video = _ready_lock(person.video_id)
    row = _still_there(person.video_id, [person.pk])[person.pk]
    tracks = list(VideoTrack.objects.filter(person=row).order_by("start_ms", "chunk", "number"))
    if at_ms is not None:
        moved = [track for track in tracks if track.start_ms >= at_ms]
        spanning = [track for track in tracks if track.start_ms < at_ms <= track.end_ms]
    else:
        moved, spanning = [track for track in tracks if track.pk in (track_ids or ())], []
    if not (moved or spanning) or len(moved) == len(tracks):
        raise refuse("split_leaves_nothing", first_ms=row.first_ms, last_ms=row.last_ms)
    new = _new_person(row, [*moved, *spanning])
    VideoTrack.objects.filter(pk__in=[track.pk for track in moved]).update(person=new)
    if at_ms is not None and spanning:
        _divide(spanning, at_ms, new)
    row.by_hand = True
    row.save(update_fields=["by_hand"])
    record("video_person.split", team=current_team(), obj=row, video_id=str(video.pk), new=str(new.pk))
    people_summarise(video=video, people=[row, new])
    new.refresh_from_db()
    return new


def _new_person(old: VideoPerson, tracks: Sequence[VideoTrack]) -> VideoPerson:
    """Somebody with the next number; the figures are computed later."""
    numbers = VideoPerson.objects.filter(video_id=old.video_id).aggregate(last=Max("number"))
    return VideoPerson.objects.create(
        team_id=old.team_id,
        video_id=old.video_id,
        number=numbers["last"] + 1,
        by_hand=True,
        excluded=old.excluded,
        first_ms=min(track.start_ms for track in tracks),
        last_ms=max(track.end_ms for track in tracks),
        sample_count=sum(track.sample_count for track in tracks),
    )


def _divide(tracks: Sequence[VideoTrack], at_ms: int, new: VideoPerson) -> None:
    """Cut tracks at a moment; what comes from it on is a track of the new person."""
    chunks = {track.chunk for track in tracks}
    rows = VideoTrack.objects.filter(video_id=new.video_id, chunk__in=chunks).order_by()
    last = dict(rows.values_list("chunk").annotate(Max("number")))
    later = []
    for track in tracks:
        last[track.chunk] += 1
        later.append(divided(track, at_ms, number=last[track.chunk], person=new))
    changed = ["end_ms", "sample_count", "last_box", "samples", "embedding_count", "portrait_score"]
    VideoTrack.objects.bulk_update(tracks, changed)
    VideoTrack.objects.bulk_create(later)
