"""Curves of metrics over a video, with as many points as a chart can show."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import metrics
from analysis.models import VideoPerson
from ml_models import EMOTIONS

from .selectors import StoredVideo, in_handfuls, interval_of, longer_side, series_of_people
from .series import Series

#: What a curve can be of: unit, lowest and highest value; None where nothing bounds it.
METRICS: dict[str, tuple[str, float | None, float | None]] = {
    **dict.fromkeys(EMOTIONS, ("share", 0.0, 1.0)),
    "valence": ("share", -1.0, 1.0),
    **dict.fromkeys(
        [
            *("activation", "engagement", "satisfaction", "attention", "smile", "eyes_open"),
            *("positive_score", "neutral_score", "negative_score"),
        ],
        ("share", 0.0, 1.0),
    ),
    **dict.fromkeys(("yaw", "pitch", "roll"), ("degrees", -180.0, 180.0)),
    "distance_cm": ("centimetres", 0.0, None),
}
_OF_THE_HEAD = ("yaw", "pitch", "roll")
LEAST_POINTS, MOST_POINTS, USUAL_POINTS = 10, 5000, 600


@dataclass(frozen=True)
class Timeline:
    """One metric over time. A value is None where nothing is known, and where a line is to break.

    ms: milliseconds from the first frame of the video, ascending; the start of a bin where a mean is told.
    low, high, count: of a mean, the lowest and the highest of the people in each bin, and how many they are.
    """

    metric: str
    ms: list[int]
    values: list[float | None]
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)
    count: list[int] = field(default_factory=list)

    @property
    def unit(self) -> str:
        return METRICS[self.metric][0]


def curves_of(video: StoredVideo, series: Series) -> dict[str, NDArray[np.float64]]:
    """Every metric of every sample by name, (N,) each, as `analysis.metrics.curves` and the head's angles."""
    found = metrics.curves(series, longer_side=longer_side(video), interval_ms=interval_of(video))
    return {**found, **{name: series[name].astype(np.float64) for name in _OF_THE_HEAD}}


def timelines_of_person(
    video: StoredVideo, person: VideoPerson, *, names: Sequence[str], points: int = USUAL_POINTS
) -> list[Timeline]:
    """Curves of one person, of `points` points or a few more where they come and go. One query."""
    return [
        thinned(video, name, series.ms, curves[name], points=points)
        for series, curves in _each(video, [person], names)
        for name in names
    ]


def thinned(video: StoredVideo, name: str, ms: Any, values: Any, *, points: int) -> Timeline:
    """A curve with fewer points: highs, lows and breaks stay."""
    at, curve = metrics.downsample(*metrics.with_breaks(ms, values, interval_of(video)), points)
    return Timeline(name, at.tolist(), numbers(curve))


def timelines_of_all(
    video: StoredVideo, *, people: Iterable[VideoPerson], names: Sequence[str], points: int = USUAL_POINTS
) -> list[Timeline]:
    """The mean of some people over time, with how many are behind each point. A query per handful of them."""
    interval = interval_of(video)
    found: dict[str, list[metrics.Curve]] = {name: [] for name in names}
    for series, curves in _each(video, people, names):
        for name in names:
            found[name].append(metrics.Curve(series.ms, curves[name].astype(np.float32), interval))
    size = bin_ms(video, points)
    means = {
        name: metrics.audience(found[name], bin_ms=size, start_ms=0, end_ms=_end(video)) for name in names
    }
    return [
        Timeline(
            name,
            np.round(mean.ms).astype(np.int64).tolist(),
            values=numbers(mean.mean),
            low=numbers(mean.low),
            high=numbers(mean.high),
            count=mean.count.tolist(),
        )
        for name, mean in means.items()
    ]


def timelines_side_by_side(
    video: StoredVideo, *, people: Sequence[VideoPerson], names: Sequence[str], points: int = USUAL_POINTS
) -> tuple[list[int], list[dict[str, list[float | None]]]]:
    """Curves of several people at the same moments: the starts of bins, and by person and metric the means
    in them.
    """
    size, end = bin_ms(video, points), _end(video)
    starts = np.round(size * np.arange(int(np.ceil(end / size)))).astype(np.int64).tolist()
    options: dict[str, Any] = {
        "bin_ms": size,
        "start_ms": 0,
        "end_ms": end,
        "interval_ms": interval_of(video),
    }
    return starts, [
        {name: numbers(metrics.resample(series.ms, curves[name], **options)) for name in names}
        for series, curves in _each(video, people, names)
    ]


def bin_ms(video: StoredVideo, points: int) -> float:
    """How long a bin is, so that `points` of them fill the video; never shorter than an interval."""
    return max(_end(video) / points, interval_of(video) or 0.0, 1.0)


def _end(video: StoredVideo) -> float:
    return max(float(video.duration_ms), 1.0)


def _each(
    video: StoredVideo, people: Iterable[VideoPerson], names: Sequence[str]
) -> Iterator[tuple[Series, dict[str, NDArray[np.float64]]]]:
    landmarks = "distance_cm" in names
    for group in in_handfuls(people):
        found = series_of_people(group, landmarks=landmarks)
        for person in group:
            series = found.pop(person.pk)
            yield series, curves_of(video, series)


def numbers(values: Any, places: int = 4) -> list[Any]:
    """Floats (N,) as a list, rounded, with None for NaN."""
    rounded = np.round(np.asarray(values, np.float64), places)
    known = np.isfinite(rounded)
    if known.all():
        found: list[Any] = rounded.tolist()
        return found
    return [value if sure else None for value, sure in zip(rounded.tolist(), known.tolist(), strict=True)]
