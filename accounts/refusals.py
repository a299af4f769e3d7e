"""Every reason for which a team, a person or a key is refused something: one code, one status, one sentence.

The table is what the API documents, what pages show and what tests walk through.
"""

from collections.abc import Mapping
from typing import Any

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "owner_only": (403, "Only an owner of the team may do this. Ask one of them."),
    "team_is_being_deleted": (
        403,
        "{team} is being deleted. Nothing can be read or changed in it any more; choose another team.",
    ),
    "mfa_required": (
        403,
        "{team} asks its members for a second factor. Set one up under 'Two-factor sign-in', then go on.",
    ),
    "second_factor_first": (
        409,
        "Set up two-factor sign-in for your own account first, then ask it of the team.",
    ),
    "role_too_low": (403, "Members are managed by admins and owners of the team. Ask one of them."),
    "last_owner": (
        409,
        "{name} is the last owner of {team}. Make somebody else an owner first, or delete the team.",
    ),
    "already_owner": (409, "{name} is an owner already, so there is nothing to hand over."),
    "already_member": (409, "{name} is a member of {team} already."),
    "key_is_no_member": (403, "A key is no member and cannot leave. Sign in, or revoke the key."),
    "member_gone": (404, "This person is not a member of the team any more. Reload the list."),
    "invitation_open": (
        409,
        "{email} is invited already. Send that invitation again, or revoke it first.",
    ),
    "invitation_unknown": (
        404,
        "This invitation does not exist: the link is incomplete, or a newer one was sent. Use the link "
        "of the "
        "latest message, or ask for a new invitation.",
    ),
    "invitation_expired": (
        410,
        "This invitation is older than {days} days and works no more. Ask an admin of the team to send "
        "it again.",
    ),
    "invitation_revoked": (410, "This invitation was revoked. Ask an admin of the team for a new one."),
    "invitation_used": (
        410,
        "This invitation was accepted already. Sign in with the account that accepted it, or ask for a "
        "new one.",
    ),
    "invitation_too_soon": (
        429,
        "This invitation was sent a moment ago. Send it again in {seconds} seconds.",
    ),
    "too_many_invitations": (
        429,
        "You have sent many invitations in a short time. Wait an hour, then send the next ones.",
    ),
    "mail_failed": (
        503,
        "The message could not be handed to the mail server, so nothing was changed. Try again later; "
        "whoever "
        "runs this server finds the reason in the log.",
    ),
    "address_not_allowed": (
        403,
        "This API key may not be used from {address}. Use it from a network it allows, or ask an admin of "
        "the team for a key that allows this one.",
    ),
    "key_scope_missing": (
        403,
        "A key can give only the rights it has itself; it lacks {missing}. Make this key on the page or with "
        "a key that has them.",
    ),
    "rate_limited": (
        429,
        "Your team may send {limit:,} requests in a minute and has sent them. Try again in {seconds} "
        "seconds.",
    ),
    "quota_pictures": (
        403,
        "Of the {limit:,} pictures a month that your team may have analysed, {left:,} are left. They are "
        "replenished on {day}; whoever runs this server can give a larger plan.",
    ),
    "quota_storage": (
        403,
        "Your team may store {limit} of pictures, and this would be more. Delete photos, or ask whoever runs "
        "this server for a larger plan.",
    ),
    "quota_faces": (
        403,
        "Your team may store {limit:,} faces, and this would be more. Delete photos, or ask whoever runs "
        "this server for a larger plan.",
    ),
    "file_too_large": (
        413,
        "The file is larger than the {limit} MB that your team may send. Make it smaller or split the work.",
    ),
    "service_unavailable": (
        503,
        "The message broker cannot be reached, so requests cannot be counted. Try again in a minute; whoever "
        "runs this server finds the reason with `make doctor`.",
    ),
}


def refuse(
    code: str,
    *,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    **figures: object,
) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(
        code=code,
        message=sentence.format(**figures),
        status=status,
        extra=extra or {},
        headers=headers or {},
    )


__all__ = ["REFUSALS", "Refusal", "refuse"]
