"""Routes of the API about teams, people, keys, usage and the record."""

from django.urls import path

from . import audit, keys, people, usage

urlpatterns = [
    path("teams", people.TeamListView.as_view(), name="api_team_list"),
    path("teams/<uuid:team_id>", people.TeamDetailView.as_view(), name="api_team"),
    path("members", people.MemberListView.as_view(), name="api_member_list"),
    path("members/me", people.MemberMeView.as_view(), name="api_member_me"),
    path("members/<int:membership_id>", people.MemberDetailView.as_view(), name="api_member"),
    path(
        "members/<int:membership_id>/hand-over",
        people.MemberHandOverView.as_view(),
        name="api_member_hand_over",
    ),
    path("invitations", people.InvitationListView.as_view(), name="api_invitation_list"),
    path("invitations/<uuid:invitation_id>", people.InvitationDetailView.as_view(), name="api_invitation"),
    path(
        "invitations/<uuid:invitation_id>/resend",
        people.InvitationResendView.as_view(),
        name="api_invitation_resend",
    ),
    path("keys", keys.ApiKeyListView.as_view(), name="api_key_list"),
    path("keys/<str:identifier>", keys.ApiKeyDetailView.as_view(), name="api_key"),
    path("audit", audit.AuditListView.as_view(), name="api_audit_list"),
    path("audit/<int:event_id>", audit.AuditDetailView.as_view(), name="api_audit"),
    path("usage", usage.UsageView.as_view(), name="api_usage"),
]
