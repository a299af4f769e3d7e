"""Every reason for which a live session does not begin or ends: one code, one HTTP status, one sentence.

The status tells the code with which the socket is closed: `close_code`. docs/video.md has the table for
readers. What detection, plans and teams refuse comes with the codes of their own tables.
"""

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "live_origin": (
        403,
        "This camera was started by a page of another site ({origin}). Open 'Live camera' on this site and "
        "start it there.",
    ),
    "live_signed_out": (401, "You are not signed in. Sign in, open the page again and start the camera."),
    "live_no_team": (403, "You belong to no team, so nothing can be analysed. Make a team or join one."),
    "live_role": (
        403,
        "Your role in {team} lets you look at results, not analyse. Ask an admin of the team for the role of "
        "an analyst.",
    ),
    "live_other_team": (
        403,
        "You are not in {team} any more. Open the page again to go on in the team you are in now.",
    ),
    "live_team_full": (
        429,
        "Your team has {limit} live cameras running already. Stop one of them, or wait until it ends.",
    ),
    "live_server_full": (
        503,
        "This server has {limit} live cameras running already. Try again in a few minutes.",
    ),
    "live_consent_missing": (403, "A picture came before the consent. Agree on the page, then start again."),
    "live_message_unknown": (400, "The server does not know this message. Reload the page and start again."),
    "live_frame_too_large": (
        413,
        "A picture of the camera had more than {limit} KB. Reload the page; it sends smaller ones.",
    ),
    "live_frame_too_wide": (
        422,
        "A picture of the camera had {width} x {height} pixels; the longer side may have {limit}. Reload the "
        "page; it sends smaller ones.",
    ),
    "live_not_jpeg": (415, "A picture of the camera was no JPEG. Reload the page and start again."),
    "live_too_fast": (
        429,
        "More than {limit} pictures came in a second. Send the next one when the last one was answered.",
    ),
    "live_idle": (408, "No picture came for {seconds} seconds, so the session was ended. Start it again."),
    "live_over": (410, "A session lasts {minutes} minutes at most, and this one is over. Start a new one."),
    "live_failed": (
        500,
        "Something went wrong on the server, and the session was ended. Start it again; if it happens again, "
        "tell whoever runs this server.",
    ),
}


def refuse(code: str, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status)


def close_code(refusal: Refusal) -> int:
    """The code with which the socket is closed: 4000 and the HTTP status that the refusal would have."""
    return 4000 + refusal.status
