"""Words and rules of django-allauth that differ here."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Says 'User already exists' for a name or an address that is taken."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_taken": "User already exists",
        "email_taken": "User already exists",
    }
