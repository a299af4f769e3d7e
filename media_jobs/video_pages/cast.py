"""Who is in a video, as its page lists them."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.access import current_team
from analysis.models import VideoPerson, VideoTrack
from analysis.switches import hidden_columns
from analysis.video.selectors import interval_of, people_of, summary_shown
from media_jobs.models import Video
from ml_models import EMOTIONS

#: As many times in view are listed of one person; the charts show the rest.
MOST_TIMES = 60
#: Absences that are shorter than this are none (milliseconds).
BLINK_OF_AN_EYE = 1000
#: What charts there are; those of emotions go with the team's switch.
METRICS = (
    ("emotions", "Emotions", "the share of each of eight emotions in what a face shows", True),
    ("valence", "Valence", "how pleasant the expression is, from -1 to +1", True),
    ("activation", "Activation", "how strong any emotion is over neutral", True),
    ("engagement", "Engagement", "activation while the person looks at the screen", True),
    ("satisfaction", "Satisfaction", "pleasant emotions over unpleasant ones; half is neither", True),
    ("positive_score", "Positive", "the share of happiness", True),
    ("neutral_score", "Neutral", "the share of neutral and surprise", True),
    ("negative_score", "Negative", "the share of sadness, anger, disgust, fear and contempt", True),
    ("attention", "Attention", "whether head and gaze point at the screen", False),
    ("smile", "Smile", "how much of a smile there is", False),
    ("eyes_open", "Eyes open", "how far the eyes are open", False),
)


@dataclass(frozen=True)
class Times:
    """From when to when somebody is in view (milliseconds)."""

    start_ms: int
    end_ms: int


def cast_of(video: Video) -> dict[str, Any]:
    """What the list of people needs: `people` with `times` in view, and `cast_data` for the scripts.

    Two queries, whatever the number of people.
    """
    some = people_of(video.pk)
    times = _times(video)
    rows: Any = [(person, times[person.pk][:MOST_TIMES], len(times[person.pk])) for person in some]
    return {
        "video": video,
        "cast": rows,
        # They go with the file as well as with the people.
        "portraits": video.faces_erased_at is None and video.pictures_erased_at is None,
        "cast_data": {
            "people": [_for_scripts(person) for person in some],
            "moments": summary_shown(video.summary, current_team()).get("moments", []),
        },
    }


def _for_scripts(person: VideoPerson) -> dict[str, Any]:
    metrics = dict(person.metrics)
    moments = metrics.pop("moments", [])
    return {
        "id": person.pk,
        "number": person.number,
        "title": person.title,
        "excluded": person.excluded,
        "first_ms": person.first_ms,
        "last_ms": person.last_ms,
        "metrics": metrics,
        "moments": moments,
    }


def _times(video: Video) -> dict[UUID, list[Times]]:
    """When each person is in view: tracks that follow on each other are one time."""
    near = max(BLINK_OF_AN_EYE, 2.5 * (interval_of(video) or 0))
    found: dict[UUID, list[Times]] = defaultdict(list)
    rows = VideoTrack.objects.filter(video_id=video.pk, person__isnull=False).order_by("start_ms")
    for person, start, end in rows.values_list("person_id", "start_ms", "end_ms"):
        if person is None:
            continue
        last = found[person][-1] if found[person] else None
        if last is not None and start - last.end_ms <= near:
            found[person][-1] = Times(last.start_ms, max(last.end_ms, end))
        else:
            found[person].append(Times(start, end))
    return found


def metrics_to_show() -> list[tuple[str, str, str]]:
    """Key, title and meaning of the charts that the current team may see."""
    without_emotion = bool(hidden_columns(current_team()) & set(EMOTIONS))
    return [(key, title, words) for key, title, words, of in METRICS if not (of and without_emotion)]
