"""Second factors, invitations, and how often people may try: django-allauth's settings beyond the pages."""

import re

from django.core.exceptions import ImproperlyConfigured

from .env import env

# --- Second factor ----------------------------------------------------------------------------------
MFA_ADAPTER = "accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = env.str("MFA_TOTP_ISSUER", default="EmotionSite")
# Otherwise somebody could lock the owner of an address out with an account made in their name. Where no mail
# is sent (ACCOUNT_EMAIL_VERIFICATION=none), no address is ever confirmed.
MFA_ALLOW_UNVERIFIED_EMAIL = env.str("ACCOUNT_EMAIL_VERIFICATION", default="optional") == "none"
# Changes to the password and the second factor are told by mail.
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Seconds for which a password or code that was just given is enough for changes to the second factor.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300

# --- Invitations ------------------------------------------------------------------------------------
INVITATION_DAYS = env.int("INVITATION_DAYS", default=7)
# Between two messages about the same invitation.
INVITATION_RESEND_SECONDS = env.int("INVITATION_RESEND_SECONDS", default=300)
# A mail server that does not answer holds a request up for as long as this.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=10)

# --- How often --------------------------------------------------------------------------------------
_RATE = re.compile(r"[1-9]\d*/([1-9]\d*)?[smhd]/(ip|user|key)")


def rates_from_text(name: str, text: str) -> str:
    """`text` when it is a list such as `5/m/ip,20/h/ip`, or empty for no limit; else ImproperlyConfigured."""
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        if not _RATE.fullmatch(part):
            raise ImproperlyConfigured(
                f"{name} must look like 5/m/ip,20/h/ip: how often, in how long (s, m, h, d, or 10m), "
                f"counted for each address (ip), user or key. {part!r} does not."
            )
    return text


# Names are django-allauth's, and two of ours: `invitation` and `new_team`. `key` is what was typed (a name,
# an address) or who sends; `login_failed` counts wrong codes of a second factor as well as wrong passwords.
ACCOUNT_RATE_LIMITS = {
    "login": rates_from_text("RATE_LIMIT_SIGN_IN", env.str("RATE_LIMIT_SIGN_IN", default="30/m/ip")),
    "login_failed": rates_from_text(
        "RATE_LIMIT_SIGN_IN_FAILED", env.str("RATE_LIMIT_SIGN_IN_FAILED", default="10/m/ip,5/5m/key")
    ),
    "signup": rates_from_text(
        "RATE_LIMIT_SIGN_UP", env.str("RATE_LIMIT_SIGN_UP", default="20/m/ip,100/h/ip")
    ),
    "reset_password": rates_from_text(
        "RATE_LIMIT_RESET_PASSWORD", env.str("RATE_LIMIT_RESET_PASSWORD", default="20/m/ip,5/m/key")
    ),
    "invitation": rates_from_text(
        "RATE_LIMIT_INVITATION", env.str("RATE_LIMIT_INVITATION", default="30/h/key,100/d/key")
    ),
    "new_team": rates_from_text(
        "RATE_LIMIT_NEW_TEAM", env.str("RATE_LIMIT_NEW_TEAM", default="10/h/user,30/d/user")
    ),
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "confirm_email": "1/3m/key",
}
