"""Every reason for which a team, a person or a key is refused something: one code, one status, one sentence.

The table is what the API documents, what pages show and what tests walk through.
"""

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "owner_only": (403, "Only an owner of the team may do this. Ask one of them."),
    "mfa_required": (
        403,
        "{team} asks its members for a second factor. Set one up under 'Two-factor sign-in', then go on.",
    ),
}


def refuse(code: str, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status)


__all__ = ["REFUSALS", "Refusal", "refuse"]
