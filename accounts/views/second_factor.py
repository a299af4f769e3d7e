"""The page of a person's second factor, with what stands in its way."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa import app_settings
from allauth.mfa.base.views import IndexView

from accounts.access import get_access


class SecondFactorView(IndexView):
    """django-allauth's page, and why it is shown: the team asks for it, or the address is not confirmed."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        access = get_access(self.request)
        unconfirmed = EmailAddress.objects.filter(user=self.request.user, verified=False)
        return {
            **super().get_context_data(**kwargs),
            "second_factor_missing": access is not None and access.mfa_missing,
            "address_unconfirmed": not app_settings.ALLOW_UNVERIFIED_EMAIL and unconfirmed.exists(),
        }
