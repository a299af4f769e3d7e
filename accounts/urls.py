"""Pages of a person's account: those of django-allauth that this product shows, and invitations."""

from allauth.account import views
from django.urls import include, path, re_path

from .views import invitation, second_factor

urlpatterns = [
    path("signup/", views.signup, name="account_signup"),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("confirm-email/", views.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    # Second factors; which kinds, say the settings. Our page stands before the one of the same name.
    path("2fa/", second_factor.SecondFactorView.as_view(), name="mfa_index"),
    path("2fa/", include("allauth.mfa.urls")),
    path("2fa/confirm-again", invitation.account_confirm_again, name="account_confirm_again"),
    path("invitations/<str:token>/", invitation.invitation_open, name="invitation_open"),
    path("invitation/", invitation.invitation, name="invitation"),
    path("invitation/later", invitation.invitation_decline, name="invitation_decline"),
]
