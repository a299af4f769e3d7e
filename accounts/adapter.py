"""Words and rules of django-allauth that differ here."""

import smtplib
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.urls import reverse

from emotionsite.client_address import client_address
from emotionsite.sealing import seal, unseal

from .models import User
from .pending_invitation import pending_invitation

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Says what to do next, counts visitors by their real address, and leads back to an opened invitation."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_taken": "User already exists",
        "email_taken": "User already exists",
        "too_many_login_attempts": (
            "This was wrong too often in a short time. Wait five minutes, then try again, or reset the "
            "password."
        ),
        "rate_limited": "This was tried too often in a short time. Wait five minutes, then try again.",
    }

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that rate limits count; all clients without one are counted together."""
        return client_address(request) or "unknown"

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return self._invitation_page(request) or super().get_login_redirect_url(request)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self._invitation_page(request) or super().get_signup_redirect_url(request)

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """Whoever came by the link of a message has read it in that mailbox."""
        invitation = pending_invitation(request)
        if invitation is not None and invitation.email.lower() == email.lower():
            return True
        return bool(super().is_email_verified(request, email))

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell the user of a change to their account, also where no address was ever confirmed."""
        try:
            super().send_notification_mail(
                template_prefix, user, {"user": user, **(context or {})}, email or user.email
            )
        except (smtplib.SMTPException, OSError):
            # The change is made and the page says so: an absent mail server must not make it look failed.
            log.exception("notification_not_sent", user_id=user.pk)

    def _invitation_page(self, request: HttpRequest) -> str | None:
        return reverse("invitation") if pending_invitation(request) else None


class MFAAdapter(DefaultMFAAdapter):
    """Keeps secrets of authenticator apps sealed, and says what to do next."""

    error_messages: Any = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": (
            "This code is not right. Codes change every 30 seconds: enter the one that is shown now. If it "
            "stays wrong, let your phone set its clock by the network."
        ),
        "unverified_email": "Confirm your e-mail address first: open the link in the message we sent you.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)
