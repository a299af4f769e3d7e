"""Every reason for which something about galleries is not done: one code, one HTTP status, one sentence."""

from collections.abc import Mapping

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "gallery_key_taken": (409, "The team has a gallery with the key '{key}' already. Choose another key."),
    "subject_id_taken": (
        409,
        "The gallery has somebody with the external id '{external_id}' already. Choose another one, or "
        "change that person.",
    ),
    "gallery_unknown": (404, "There is no such gallery in your team. Look its id up in the list of galleries."),
    "subject_unknown": (404, "There is no such person in this gallery. Look the id up in the list of people."),
    "gallery_holds_faces": (
        409,
        "This gallery holds faces without people. Enrol faces in it directly, or use a gallery of people.",
    ),
    "model_unknown": (
        422,
        "The recognition model '{model}' is not installed. Choose one of: {known}.",
    ),
    "gallery_job_failed": (
        500,
        "The work on the gallery failed; the worker's log says why. Start it again; if it fails again, tell "
        "whoever runs this server.",
    ),
}


def refuse(code: str, *, headers: Mapping[str, str] | None = None, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status, headers=headers or {})


__all__ = ["REFUSALS", "Refusal", "refuse"]
