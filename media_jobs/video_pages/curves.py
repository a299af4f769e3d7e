"""The curves of people between two moments, at the same times for all, as charts on pages draw them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analysis import metrics
from analysis.models import VideoPerson
from analysis.video.selectors import in_handfuls, interval_of, series_between, series_of_people
from analysis.video.series import Series
from analysis.video.timelines import curves_of, numbers
from media_jobs.models import Video
from ml_models import EMOTIONS

#: What charts show, beside the eight emotions.
COLUMNS = (
    *EMOTIONS,
    *("valence", "activation", "engagement", "satisfaction", "attention", "smile", "eyes_open"),
    *("positive_score", "neutral_score", "negative_score"),
)
LEAST_POINTS, MOST_POINTS = 50, 2000
#: What is read before and after a range, so that its ends are as smooth as its middle (milliseconds).
AROUND_MS = 2000


def curves_between(
    video: Video, people: Sequence[VideoPerson], *, start_ms: int, end_ms: int, points: int
) -> dict[str, Any]:
    """`ms`: the starts of bins, not shorter than an analysed frame; and of each person, in the order of
    `people`, the means in the bins by column. A mean is None where nothing is known, also of what the team
    has switched off.
    """
    interval = interval_of(video)
    size = max((end_ms - start_ms) / points, interval or 1.0)
    options: dict[str, Any] = {
        "bin_ms": size,
        "start_ms": start_ms,
        "end_ms": max(end_ms, start_ms + 1),
        "interval_ms": interval,
    }
    count = int(np.ceil((options["end_ms"] - start_ms) / size))
    ms = np.round(start_ms + size * np.arange(count)).astype(np.int64).tolist()
    return {
        "people": [
            {"person": person.pk, "ms": ms, "curves": _binned(video, series, options)}
            for person, series in _read(video, people, start_ms, end_ms)
        ]
    }


def _binned(video: Video, series: Series, options: dict[str, Any]) -> dict[str, list[Any]]:
    found = curves_of(video, series)
    binned = {
        name: numbers(metrics.resample(series.ms, found[name], **options), places=3) for name in COLUMNS
    }
    return {name: values for name, values in binned.items() if any(value is not None for value in values)}


def _read(
    video: Video, people: Sequence[VideoPerson], start_ms: int, end_ms: int
) -> Iterator[tuple[VideoPerson, Series]]:
    """The samples of each person; of those who are not to be seen in the range there are none."""
    whole = start_ms <= 0 and end_ms >= video.duration_ms
    for group in in_handfuls(people):
        if whole:
            found = series_of_people(group, landmarks=False)
        else:
            ids = [person.pk for person in group]
            found = series_between(ids, max(0, start_ms - AROUND_MS), end_ms + AROUND_MS, landmarks=False)
        for person in group:
            series = found.pop(person.pk, None)
            if series is not None:
                yield person, series
