"""What the faces of a video say over time: attention, emotion metrics, blinks, dwell, moments.

Pure functions on numpy arrays, without Django; `docs/metrics.md` gives the formula, source, unit and range of
each. All metrics are shares from 0 to 1, as the probabilities of the emotions are; valence and experience go
from -1 to 1; a field that ends in `_percent` goes from 0 to 100. NaN means unknown: a NaN in gives a NaN out.

`summarise(samples)`, `curves(samples)` and `moments(samples)` take an `analysis.video.series.Series`; join
the tracks of a person with `analysis.video.series.joined` first.
"""

from analysis.metrics.appearance import age_group, age_groups, distance_cm
from analysis.metrics.audience import Audience, Curve, audience
from analysis.metrics.expression import (
    activation,
    engagement,
    experience,
    negative,
    neutral,
    positive,
    rejecting,
    satisfaction,
    valence,
)
from analysis.metrics.eyelids import Blink, Blinks, blinks, eyes_open, usually_open
from analysis.metrics.looking import (
    attended_seconds,
    attention,
    attention_share,
    dwell_seconds,
    glances,
    line_of_sight,
    looks,
)
from analysis.metrics.moments import Moment, limited, most_engaging, peaks, rejection
from analysis.metrics.summary import Samples, Summary, curves, moments, relevance, summarise
from analysis.metrics.timeline import (
    downsample,
    durations,
    mean_over_time,
    median_over_time,
    resample,
    smooth,
    with_breaks,
)

__all__ = [
    "Audience",
    "Blink",
    "Blinks",
    "Curve",
    "Moment",
    "Samples",
    "Summary",
    "activation",
    "age_group",
    "age_groups",
    "attended_seconds",
    "attention",
    "attention_share",
    "audience",
    "blinks",
    "curves",
    "distance_cm",
    "downsample",
    "durations",
    "dwell_seconds",
    "engagement",
    "experience",
    "eyes_open",
    "glances",
    "limited",
    "line_of_sight",
    "looks",
    "mean_over_time",
    "median_over_time",
    "moments",
    "most_engaging",
    "negative",
    "neutral",
    "peaks",
    "positive",
    "rejecting",
    "rejection",
    "relevance",
    "resample",
    "satisfaction",
    "smooth",
    "summarise",
    "usually_open",
    "valence",
    "with_breaks",
]
