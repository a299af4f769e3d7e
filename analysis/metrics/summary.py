"""All metrics of one person: as curves, as one summary, and as the moments that stand out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.metrics import expression, looking
from analysis.metrics.appearance import FIELD_OF_VIEW, age_group, distance_cm
from analysis.metrics.eyelids import Blinks, blinks, eyes_open
from analysis.metrics.moments import Moment, limited, most_engaging, peaks, rejection
from analysis.metrics.timeline import (
    SMOOTHING_MS,
    columns,
    durations,
    mean_over_time,
    median_over_time,
    smooth,
)
from ml_models.attribute_types import gender_of
from ml_models.names import EMOTIONS

Floats = NDArray[np.float64]

#: The end of somebody's time in view, for `relevance` (milliseconds).
END_MS = 5000.0
#: What `attention` is worked out from, in the order of its arguments.
ANGLES = ("yaw", "pitch", "gaze_yaw", "gaze_pitch", "roll")
#: How many moments of a person are named when nobody says.
MOMENTS = 30


class Samples(Protocol):
    """The samples of one person, ascending in time: `analysis.video.series.Series` is one.

    ms: (N,). emotions: (N, 8). landmarks: (N, 27, 2) pixels. By name (N,): smile, left_open, right_open, yaw,
    pitch, roll, gaze_yaw, gaze_pitch, age, male, glasses. NaN where something is unknown.
    """

    @property
    def ms(self) -> NDArray[Any]: ...

    @property
    def emotions(self) -> NDArray[Any]: ...

    @property
    def landmarks(self) -> NDArray[Any]: ...

    def __getitem__(self, name: str, /) -> NDArray[Any]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Summary:
    """One person in one video; docs/metrics.md has the formula of every field. None means unknown.

    Times in milliseconds and seconds, shares and metrics in [0, 1], valence in [-1, 1], `_percent` in
    [0, 100] (the three make 100), age in years, distance in centimetres. Means are over time in view;
    maxima are of the curve smoothed over a second.
    """

    samples: int
    first_ms: int | None
    last_ms: int | None
    dwell_seconds: float
    glances: int | None
    attention_share: float | None
    attended_seconds: float | None
    emotions: dict[str, float] | None
    positive_percent: float | None
    neutral_percent: float | None
    negative_percent: float | None
    activation: float | None
    activation_max: float | None
    engagement: float | None
    engagement_max: float | None
    satisfaction: float | None
    satisfaction_max: float | None
    valence: float | None
    valence_min: float | None
    valence_max: float | None
    relevance: float | None
    blinks: int | None
    blinks_per_minute: float | None
    smile_share: float | None
    age: float | None
    age_group: str | None
    male: float | None
    gender: str | None
    glasses: bool | None
    glasses_share: float | None
    distance_cm: float | None

    def as_json(self) -> dict[str, Any]:
        """The fields by name, numbers rounded to four places."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _known(value: Any) -> float | None:
    """A number, or None for NaN."""
    return float(value) if math.isfinite(value) else None


def relevance(ms: ArrayLike, engagement: ArrayLike, interval_ms: float | None = None) -> float:
    """How much of a video somebody is likely to keep, in [0, 1]: the mean of the highest engagement (of the
    curve smoothed over a second) and the mean engagement of the last `END_MS` in view. NaN when either is.
    """
    at, (curve,) = columns(ms, engagement)
    smoothed = smooth(at, curve, SMOOTHING_MS, interval_ms)
    if not np.isfinite(smoothed).any():
        return float("nan")
    lasting = durations(at, interval_ms)
    ending = at + lasting > at[-1] + lasting[-1] - END_MS
    end = float(mean_over_time(curve[ending], lasting[ending]))
    return (float(np.nanmax(smoothed)) + end) / 2


def curves(
    samples: Samples,
    *,
    longer_side: float | None = None,
    field_of_view: float = FIELD_OF_VIEW,
    interval_ms: float | None = None,
    usual_open: float | None = None,
) -> dict[str, Floats]:
    """Every metric of every sample by name, float64 (N,) each; NaN where it is unknown.

    The emotions, positive_score, neutral_score, negative_score, activation, valence, satisfaction, rejecting,
    attention, engagement, eyes_open, blink (1 within a blink), distance_cm (all NaN without `longer_side`),
    smile, age. usual_open: `usually_open` of the person, where these samples are a part of theirs.
    """
    shut = blinks(samples.ms, samples["left_open"], samples["right_open"], interval_ms, usual_open)
    return _curves(samples, shut, longer_side, field_of_view)


def _curves(
    samples: Samples, shut: Blinks, longer_side: float | None, field_of_view: float
) -> dict[str, Floats]:
    emotions = np.asarray(samples.emotions, np.float64)
    angles = [samples[name] for name in ANGLES]
    opened = eyes_open(samples["left_open"], samples["right_open"])
    away = np.full(len(samples), np.nan)
    if longer_side is not None:
        away = distance_cm(samples.landmarks, samples["yaw"], longer_side, field_of_view)
    found = {
        **{name: emotions[:, place] for place, name in enumerate(EMOTIONS)},
        "positive_score": expression.positive(emotions),
        "neutral_score": expression.neutral(emotions),
        "negative_score": expression.negative(emotions),
        "activation": expression.activation(emotions),
        "valence": expression.valence(emotions),
        "satisfaction": expression.satisfaction(emotions),
        "rejecting": expression.rejecting(emotions),
        "attention": looking.attention(*angles),
        "eyes_open": opened,
        "blink": np.where(np.isfinite(opened), shut.during, np.nan),
        "distance_cm": away,
        "smile": np.asarray(samples["smile"], np.float64),
        "age": np.asarray(samples["age"], np.float64),
    }
    found["engagement"] = expression.engagement(found["activation"], found["attention"])
    return found


def summarise(
    samples: Samples,
    *,
    interval_ms: float | None = None,
    longer_side: float | None = None,
    field_of_view: float = FIELD_OF_VIEW,
) -> Summary:
    """The summary of one person's samples; an empty one where there are none.

    interval_ms: time between analysed frames, None for what the samples show. longer_side: pixels of the
    longer side of the upright frame; without it no distance is said.
    """
    shut = blinks(samples.ms, samples["left_open"], samples["right_open"], interval_ms)
    found = _curves(samples, shut, longer_side, field_of_view)
    ms, lasting = samples.ms, durations(samples.ms, interval_ms)
    age = _known(median_over_time(found["age"], lasting))
    male = _known(mean_over_time(samples["male"], lasting))
    glasses = _known(mean_over_time(samples["glasses"], lasting))
    return Summary(
        samples=len(ms),
        first_ms=int(ms[0]) if len(ms) else None,
        last_ms=int(ms[-1]) if len(ms) else None,
        dwell_seconds=looking.dwell_seconds(ms, interval_ms),
        **_of_looking(ms, found["attention"], interval_ms),
        **_of_emotions(found, lasting),
        **_highest(ms, found, interval_ms),
        relevance=_known(relevance(ms, found["engagement"], interval_ms)),
        blinks=len(shut.events) if np.isfinite(found["eyes_open"]).any() else None,
        blinks_per_minute=shut.per_minute,
        smile_share=_known(mean_over_time(_likely(found["smile"]), lasting)),
        age=age,
        age_group=age_group(age),
        male=male,
        gender=gender_of(male),
        glasses=None if glasses is None else glasses >= 0.5,
        glasses_share=_known(mean_over_time(_likely(samples["glasses"]), lasting)),
        distance_cm=_known(mean_over_time(found["distance_cm"], lasting)),
    )


def _likely(probabilities: ArrayLike) -> Floats:
    """1 where a probability is at least one half, else 0; NaN where it is unknown."""
    given = np.asarray(probabilities, np.float64)
    return np.where(np.isfinite(given), given >= 0.5, np.nan)


def _of_looking(ms: ArrayLike, attention: Floats, interval_ms: float | None) -> dict[str, Any]:
    known = bool(np.isfinite(attention).any())
    return {
        "glances": looking.glances(ms, attention, interval_ms) if known else None,
        "attention_share": _known(looking.attention_share(ms, attention, interval_ms)),
        "attended_seconds": looking.attended_seconds(ms, attention, interval_ms) if known else None,
    }


def _of_emotions(found: dict[str, Floats], lasting: Floats) -> dict[str, Any]:
    names = ("activation", "engagement", "satisfaction", "valence")
    means: dict[str, Any] = {name: _known(mean_over_time(found[name], lasting)) for name in names}
    whole = mean_over_time(np.stack([found[name] for name in EMOTIONS], axis=1), lasting)
    scores = [
        _known(mean_over_time(found[n], lasting))
        for n in ("positive_score", "neutral_score", "negative_score")
    ]
    known = [score for score in scores if score is not None]
    # Probabilities kept as float32 make 1 but for their rounding.
    percents = [100 * score / sum(known) for score in known] if len(known) == 3 else [None] * 3
    emotions = dict(zip(EMOTIONS, whole.tolist(), strict=True)) if np.isfinite(whole).all() else None
    score_names = ("positive_percent", "neutral_percent", "negative_percent")
    return {**means, "emotions": emotions, **dict(zip(score_names, percents, strict=True))}


def _highest(ms: ArrayLike, found: dict[str, Floats], interval_ms: float | None) -> dict[str, Any]:
    names = ("activation", "engagement", "satisfaction", "valence")
    smoothed = smooth(ms, np.stack([found[name] for name in names], axis=1), SMOOTHING_MS, interval_ms)
    highest: list[float] = np.fmax.reduce(smoothed, axis=0, initial=np.nan).tolist()
    lowest = float(np.fmin.reduce(smoothed[:, 3], initial=np.nan))
    return {
        **{f"{name}_max": _known(value) for name, value in zip(names, highest, strict=True)},
        "valence_min": _known(lowest),
    }


def moments(samples: Samples, *, interval_ms: float | None = None, limit: int = MOMENTS) -> list[Moment]:
    """Peaks of the seven emotions, points of rejection and the most engaging seconds of one person, in the
    order of time. Of more than `limit` the strongest of each kind and emotion stay.
    """
    emotions = np.asarray(samples.emotions, np.float64)
    attention = looking.attention(*(samples[name] for name in ANGLES))
    engaged = expression.engagement(expression.activation(emotions), attention)
    found = [
        moment
        for place, name in enumerate(EMOTIONS[1:], start=1)
        for moment in peaks(samples.ms, emotions[:, place], emotion=name, interval_ms=interval_ms)
    ]
    found += rejection(samples.ms, emotions, attention, interval_ms)
    found += most_engaging(samples.ms, engaged, interval_ms=interval_ms)
    return limited(found, limit)
