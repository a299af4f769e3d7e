"""What is said of a person and of a whole video: figures and moments, made of the samples."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from analysis import metrics
from analysis.metrics.moments import limited
from ml_models import EMOTIONS

from .selectors import StoredVideo, interval_of, longer_side
from .series import Series

#: Fields of `metrics.Summary` of which a mean over people says something.
MEANS = (
    *("dwell_seconds", "glances", "attention_share", "attended_seconds", "positive_percent"),
    *("neutral_percent", "negative_percent", "activation", "activation_max", "engagement", "engagement_max"),
    *("satisfaction", "satisfaction_max", "valence", "valence_min", "valence_max", "relevance", "blinks"),
    *("blinks_per_minute", "smile_share", "age", "glasses_share", "distance_cm"),
)
#: Moments of a video that are named.
MOMENTS = 60
_ENGAGED = ("attention", "engagement")


def summary_of_person(video: StoredVideo, series: Series) -> dict[str, Any]:
    """`VideoPerson.metrics`: the fields of `metrics.Summary`, `moments`, and `usual_open`, by which blinks
    are told where only a part of the samples is looked at.
    """
    interval = interval_of(video)
    summary = metrics.summarise(series, interval_ms=interval, longer_side=longer_side(video))
    found = metrics.moments(series, interval_ms=interval) if len(series) else []
    usual = metrics.usually_open(metrics.eyes_open(series["left_open"], series["right_open"]))
    return {**summary.as_json(), "moments": moments_as_json(found), "usual_open": usual}


def moments_as_json(found: Iterable[metrics.Moment]) -> list[dict[str, Any]]:
    """Moments in the order of time, with their values rounded."""
    ordered = sorted(found, key=lambda one: (one.ms, one.kind, one.emotion or ""))
    return [{**asdict(one), "value": round(float(one.value), 4)} for one in ordered]


class Everyone:
    """Gathers the curves of people one by one, to tell what they show together.

    What it holds of a person is nine numbers a sample.
    """

    def __init__(self, video: StoredVideo) -> None:
        self._video = video
        self._curves: dict[str, list[metrics.Curve]] = {name: [] for name in (*EMOTIONS, *_ENGAGED)}
        self._alone: list[dict[str, Any]] | None = None
        self._people = 0

    def add(self, series: Series, summary: Mapping[str, Any]) -> None:
        """One more person, with what `summary_of_person` says of them."""
        interval = interval_of(self._video)
        found = metrics.curves(series, interval_ms=interval)
        for name, curves in self._curves.items():
            curves.append(metrics.Curve(series.ms, found[name].astype(np.float32), interval))
        self._people += 1
        self._alone = list(summary["moments"]) if self._people == 1 else None

    def moments(self) -> list[dict[str, Any]]:
        """Of the mean of all; of a single person their own."""
        if self._people < 2:
            return self._alone or []
        size = interval_of(self._video) or 200.0
        means = {
            name: metrics.audience(curves, bin_ms=size, start_ms=0, end_ms=float(self._video.duration_ms))
            for name, curves in self._curves.items()
        }
        # Bins without anybody are gaps.
        there = means["attention"].count + means["neutral"].count > 0
        ms = np.round(means["attention"].ms[there]).astype(np.int64)
        curve = {name: mean.mean[there] for name, mean in means.items()}
        found = [
            moment
            for name in EMOTIONS[1:]
            for moment in metrics.peaks(ms, curve[name], emotion=name, interval_ms=size)
        ]
        emotions = np.stack([curve[name] for name in EMOTIONS], axis=1)
        found += metrics.rejection(ms, emotions, curve["attention"], size)
        found += metrics.most_engaging(ms, curve["engagement"], interval_ms=size)
        return moments_as_json(limited(found, MOMENTS))


def summary_of_people(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over people, each counted once, and how many there are of which kind.

    A mean is over those of whom the figure is known; what is known of nobody is left out.
    """
    means: dict[str, Any] = {}
    for name in MEANS:
        known = [one[name] for one in summaries if one.get(name) is not None]
        if known:
            means[name] = round(sum(known) / len(known), 4)
    emotions = [one["emotions"] for one in summaries if one.get("emotions")]
    if emotions:
        means["emotions"] = {
            name: round(sum(one[name] for one in emotions) / len(emotions), 4) for name in EMOTIONS
        }
    return {
        "people": len(summaries),
        "samples": sum(int(one["samples"]) for one in summaries),
        "means": means,
        "genders": dict(Counter(one["gender"] for one in summaries if one.get("gender"))),
        "age_groups": dict(Counter(one["age_group"] for one in summaries if one.get("age_group"))),
    }
