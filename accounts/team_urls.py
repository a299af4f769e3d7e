"""Pages of the team area: people, keys, usage, settings, the record."""

from django.urls import path

from .views import audit, keys, people, settings, usage

urlpatterns = [
    path("members", people.team_members, name="team_members"),
    path("members/<int:membership_id>/role", people.team_member_role, name="team_member_role"),
    path("members/<int:membership_id>/remove", people.team_member_remove, name="team_member_remove"),
    path("members/<int:membership_id>/hand-over", people.team_member_hand_over, name="team_member_hand_over"),
    path("leave", people.team_leave, name="team_leave"),
    path("invitations", people.team_invite, name="team_invite"),
    path(
        "invitations/<uuid:invitation_id>/resend",
        people.team_invitation_resend,
        name="team_invitation_resend",
    ),
    path(
        "invitations/<uuid:invitation_id>/revoke",
        people.team_invitation_revoke,
        name="team_invitation_revoke",
    ),
    path("keys", keys.team_keys, name="team_keys"),
    path("keys/new", keys.team_key_create, name="team_key_create"),
    path("keys/<str:identifier>/revoke", keys.team_key_revoke, name="team_key_revoke"),
    path("usage", usage.team_usage, name="team_usage"),
    path("audit", audit.team_audit, name="team_audit"),
    path("audit/export", audit.team_audit_export, name="team_audit_export"),
    path("settings", settings.team_settings, name="team_settings"),
    path("settings/second-factor", settings.team_second_factor, name="team_second_factor"),
    path("new", settings.team_new, name="team_new"),
    path("switch", settings.team_switch, name="team_switch"),
]
