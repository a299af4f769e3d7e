"""Every reason for which something about results is not done: one code, one HTTP status, one sentence."""

from collections.abc import Mapping

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "video_not_ready": (
        409,
        "The analysis of this video has no results yet, or ended without any. Wait for its job, or analyse "
        "the video again.",
    ),
    "people_unknown": (
        404,
        "There is no such person in this video. Look the id up in the list of its people.",
    ),
    "people_of_one": (400, "These are one person already. Name somebody else to merge them with."),
    "people_in_one_picture": (
        409,
        "{one} and {other} are both in the picture at {at_ms} ms, so they cannot be one person. Split one of "
        "them there first.",
    ),
    "split_leaves_nothing": (
        409,
        "All or none of this person would go to the new one. Split at a moment after {first_ms} ms and not "
        "after {last_ms} ms.",
    ),
}


def refuse(code: str, *, headers: Mapping[str, str] | None = None, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status, headers=headers or {})


__all__ = ["REFUSALS", "Refusal", "refuse"]
