"""The one table of all routes: what each role, each key and the other team get.

A route that is not in here fails the build. A row says which right its route needs; `expected` turns that
into an answer for every caller, and `test_table` asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Callers of every row. `other` owns another team, `other_key` is that team's key with all scopes; `read`,
# `analyze` and `manage` are keys of the first team with that one scope.
MEMBERS = ("viewer", "analyst", "admin", "owner")
KEYS = ("read", "analyze", "manage")
CALLERS = ("visitor", *MEMBERS, "other", *KEYS, "other_key")

# Written out here and not taken from accounts.access, so that a change there is noticed.
RIGHTS: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "analyst": frozenset({"read", "analyze"}),
    "admin": frozenset({"read", "analyze", "manage"}),
    "owner": frozenset({"read", "analyze", "manage", "owner"}),
    "other": frozenset({"read", "analyze", "manage", "owner"}),
    "read": frozenset({"read"}),
    "analyze": frozenset({"analyze"}),
    "manage": frozenset({"manage"}),
    "other_key": frozenset({"read", "analyze", "manage"}),
}


@dataclass(frozen=True)
class Row:
    """`needs` is read, analyze, manage or owner; `ok` the answer to who has it, `other` to another team that
    has it in its own: 404 for an object, and for a list its own, which must show nothing of the first.

    `special` overrides the answer to single callers, for a reason that stands beside the row.
    """

    method: str
    route: str
    needs: str
    ok: int
    other: int
    api: bool
    special: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    def expected(self, caller: str) -> int:
        """The status that `caller` must get."""
        if caller in self.special:
            return self.special[caller]
        # Pages know no keys: a key is a visitor there, and sent to sign in.
        if caller == "visitor" or (not self.api and caller in {*KEYS, "other_key"}):
            return 401 if self.api else 302
        if self.needs not in RIGHTS[caller]:
            return 403
        return self.other if caller in {"other", "other_key"} else self.ok


def page(
    method: str,
    route: str,
    needs: str,
    ok: int = 200,
    other: int = 404,
    special: Mapping[str, int] | None = None,
) -> Row:
    """A page: visitors and keys are sent to sign in."""
    return Row(method, route, needs, ok, other, api=False, special=special or {})


def api(
    method: str,
    route: str,
    needs: str,
    ok: int = 200,
    other: int = 404,
    special: Mapping[str, int] | None = None,
) -> Row:
    """A route of the API: 401 without a key, 403 without the right, both as problem+json."""
    return Row(method, route, needs, ok, other, api=True, special=special or {})


TABLE = [
    # --- Photos ---------------------------------------------------------------------------------
    page("GET", "photo_list", "read", other=200),
    page("POST", "photo_upload", "analyze", ok=202, other=202),
    page("GET", "photo_states", "read", other=200),
    page("GET", "photo_detail", "read"),
    page("POST", "photo_delete", "analyze", ok=302),
    page("GET", "photo_file", "read"),
    api("GET", "api_media_list", "read", other=200),
    api("POST", "api_media_list", "analyze", ok=202, other=202),
    api("GET", "api_media", "read"),
    api("DELETE", "api_media", "analyze", ok=204),
    api("GET", "api_media_file", "read"),
    api("GET", "api_face_list", "read", other=200),
    api("GET", "api_face", "read"),
    api("DELETE", "api_face", "analyze", ok=204),
    # Nothing is stored, so there is nothing of anybody's to see; here no worker answers in time.
    api("POST", "api_detect", "analyze", ok=408, other=408),
    # --- Batches --------------------------------------------------------------------------------
    page("GET", "team_batches", "read", other=200),
    page("POST", "team_batch_new", "analyze", ok=302, other=302),
    page("GET", "team_batch", "read"),
    page("GET", "team_batch_progress", "read"),
    page("POST", "team_batch_cancel", "analyze", ok=302),
    page("POST", "team_batch_retry", "analyze", ok=302),
    page("GET", "team_batch_results", "read"),
    api("GET", "api_batch_list", "read", other=200),
    api("POST", "api_batch_list", "analyze", ok=202, other=202),
    api("GET", "api_batch", "read"),
    api("GET", "api_batch_items", "read"),
    api("POST", "api_batch_cancel", "analyze"),
    api("POST", "api_batch_retry", "analyze", ok=202),
    api("GET", "api_batch_results", "read"),
    api("GET", "api_job_list", "read", other=200),
    api("GET", "api_job", "read"),
    # --- Galleries and people -------------------------------------------------------------------
    api("GET", "api_gallery_list", "read", other=200),
    api("POST", "api_gallery_list", "manage", ok=201, other=201),
    api("GET", "api_gallery", "read"),
    api("PATCH", "api_gallery", "manage"),
    api("DELETE", "api_gallery", "manage", ok=204),
    api("GET", "api_gallery_subjects", "read"),
    api("POST", "api_gallery_subjects", "analyze", ok=201),
    api("GET", "api_gallery_subject", "read"),
    api("PATCH", "api_gallery_subject", "analyze"),
    api("DELETE", "api_gallery_subject", "manage", ok=204),
    api("GET", "api_gallery_subject_photos", "read"),
    api("POST", "api_gallery_subject_split", "analyze"),
    api("POST", "api_gallery_subjects_merge", "analyze"),
    api("POST", "api_gallery_subjects_move", "analyze"),
    api("POST", "api_gallery_face_move", "analyze"),
    api("PUT", "api_face_label", "analyze"),
    api("DELETE", "api_face_label", "analyze", ok=204),
    # --- Training and questions -----------------------------------------------------------------
    api("POST", "api_gallery_train", "analyze", ok=202),
    api("GET", "api_gallery_training", "read"),
    # The gallery of the first team is trained; faces are those that detection kept.
    api("POST", "api_gallery_identify", "analyze"),
    api("POST", "api_gallery_verify", "analyze"),
    api("POST", "api_gallery_find_similar", "analyze"),
    api("POST", "api_gallery_group", "analyze"),
    # --- Enrolled faces -------------------------------------------------------------------------
    api("GET", "api_gallery_subject_faces", "read"),
    # Each is enrolled from a face that detection kept: no worker is asked.
    api("POST", "api_gallery_subject_faces", "analyze", ok=201),
    api("GET", "api_gallery_faces", "read"),
    api("POST", "api_gallery_faces", "analyze", ok=201),
    api("GET", "api_gallery_face", "read"),
    api("PATCH", "api_gallery_face", "analyze"),
    api("DELETE", "api_gallery_face", "analyze", ok=204),
    api("GET", "api_gallery_face_crop", "read"),
    api("GET", "api_gallery_temporary_face", "read"),
    api("DELETE", "api_gallery_temporary_face", "analyze", ok=204),
    # --- Moving galleries -----------------------------------------------------------------------
    # What is installed is the same for all.
    api("GET", "api_gallery_models", "read", other=200),
    api("GET", "api_gallery_job_list", "read", other=200),
    api("GET", "api_gallery_job", "read"),
    api("DELETE", "api_gallery_job", "analyze"),
    api("GET", "api_gallery_job_file", "manage"),
    api("POST", "api_gallery_import_new", "manage", ok=202, other=202),
    api("POST", "api_gallery_import", "analyze", ok=202),
    api("POST", "api_gallery_export", "manage", ok=202),
    # It is asked to be moved to the model that it has: no other one is installed here.
    api("POST", "api_gallery_reembed", "manage", ok=409),
    # --- Unnamed people -------------------------------------------------------------------------
    api("GET", "api_gallery_unnamed_list", "read", other=200),
    api("GET", "api_gallery_unnamed", "read"),
    api("GET", "api_gallery_unnamed_faces", "read"),
    api("POST", "api_gallery_unnamed_name", "analyze"),
    api("POST", "api_gallery_unnamed_merge", "analyze"),
    api("POST", "api_gallery_unnamed_split", "analyze"),
    api("POST", "api_gallery_unnamed_ignore", "analyze"),
    api("POST", "api_gallery_unnamed_restore", "analyze"),
    api("POST", "api_gallery_unnamed_cluster", "analyze", ok=202, other=202),
    # --- People ---------------------------------------------------------------------------------
    page("GET", "team_members", "read", other=200),
    page("POST", "team_member_role", "manage", ok=302),
    page("POST", "team_member_remove", "manage", ok=302),
    page("POST", "team_member_hand_over", "owner", ok=302),
    page("POST", "team_leave", "read", ok=302, other=302),
    page("POST", "team_invite", "manage", ok=302, other=302),
    page("POST", "team_invitation_resend", "manage", ok=302),
    page("POST", "team_invitation_revoke", "manage", ok=302),
    page("GET", "team_settings", "manage", other=200),
    page("POST", "team_settings", "manage", ok=302, other=302),
    page("POST", "team_second_factor", "owner", ok=302, other=302),
    api("GET", "api_team_list", "read", other=200),
    api("GET", "api_team", "read"),
    api("PATCH", "api_team", "manage"),
    api("GET", "api_member_list", "read", other=200),
    api("GET", "api_member", "read"),
    api("PATCH", "api_member", "manage"),
    api("DELETE", "api_member", "manage", ok=204),
    # The last owner has to stay, and keys are no members.
    api(
        "DELETE",
        "api_member_me",
        "read",
        ok=204,
        special={"owner": 409, "other": 409, "read": 403, "other_key": 403},
    ),
    # No key is an owner; that of another team does not even find the member.
    api("POST", "api_member_hand_over", "owner", special={"other_key": 404}),
    api("GET", "api_invitation_list", "manage", other=200),
    api("POST", "api_invitation_list", "manage", ok=201, other=201),
    api("GET", "api_invitation", "manage"),
    api("DELETE", "api_invitation", "manage", ok=204),
    api("POST", "api_invitation_resend", "manage"),
    # --- Keys and usage -------------------------------------------------------------------------
    page("GET", "team_keys", "manage", other=200),
    page("POST", "team_key_create", "manage", other=200),
    page("POST", "team_key_revoke", "manage", ok=302),
    page("GET", "team_usage", "read", other=200),
    api("GET", "api_key_list", "manage", other=200),
    # A key gives only rights that it has: one of `manage` alone cannot make one that reads.
    api("POST", "api_key_list", "manage", ok=201, other=201, special={"manage": 403}),
    api("GET", "api_key", "manage"),
    api("DELETE", "api_key", "manage", ok=204),
    api("GET", "api_usage", "read", other=200),
    # --- Record, privacy, exports, removals --------------------------------------------------------
    page("GET", "team_audit", "manage", other=200),
    page("POST", "team_audit_export", "manage", other=200),
    page("GET", "team_privacy", "manage", other=200),
    page("POST", "team_privacy", "manage", ok=302, other=302),
    page("GET", "team_exports", "manage", other=200),
    page("POST", "team_exports", "manage", ok=302, other=302),
    page("GET", "team_export_file", "manage"),
    page("POST", "team_export_delete", "manage", ok=302),
    page("GET", "team_delete", "owner", other=200),
    # Each sends the name of the first team: whoever owns another one has typed a wrong name.
    page("POST", "team_delete", "owner", ok=302, other=400),
    api("GET", "api_audit_list", "manage", other=200),
    api("GET", "api_audit", "manage"),
    api("GET", "api_privacy", "read", other=200),
    api("PATCH", "api_privacy", "manage", other=200),
    api("GET", "api_export_list", "manage", other=200),
    api("POST", "api_export_list", "manage", ok=202, other=202),
    api("GET", "api_export", "manage"),
    api("DELETE", "api_export", "manage", ok=204),
    api("GET", "api_export_file", "manage"),
    api("POST", "api_removal_list", "analyze", ok=202),
    api("GET", "api_removal", "read"),
    # --- Webhooks -------------------------------------------------------------------------------
    page("GET", "team_webhooks", "manage", other=200),
    page("GET", "team_webhook_new", "manage", other=200),
    page("POST", "team_webhook_new", "manage", other=200),
    page("GET", "team_webhook", "manage"),
    page("POST", "team_webhook", "manage", ok=302),
    page("POST", "team_webhook_switch", "manage", ok=302),
    page("POST", "team_webhook_delete", "manage", ok=302),
    page("POST", "team_webhook_secret", "manage"),
    page("POST", "team_webhook_test", "manage", ok=302),
    page("GET", "team_webhook_delivery", "manage"),
    page("POST", "team_webhook_redeliver", "manage", ok=302),
    api("GET", "api_webhook_list", "manage", other=200),
    api("POST", "api_webhook_list", "manage", ok=201, other=201),
    api("GET", "api_webhook", "manage"),
    api("PATCH", "api_webhook", "manage"),
    api("DELETE", "api_webhook", "manage", ok=204),
    api("POST", "api_webhook_test", "manage", ok=202),
    api("POST", "api_webhook_secret", "manage"),
    api("GET", "api_webhook_deliveries", "manage"),
    api("GET", "api_webhook_delivery", "manage"),
    api("POST", "api_webhook_redeliver", "manage", ok=202),
    # --- Pages of galleries ---------------------------------------------------------------------
    page("GET", "team_galleries", "read", other=200),
    page("GET", "team_gallery_new", "manage", other=200),
    page("POST", "team_gallery_new", "manage", ok=302, other=302),
    page("GET", "team_gallery", "read"),
    page("GET", "team_gallery_settings", "manage"),
    page("POST", "team_gallery_settings", "manage", ok=302),
    page("POST", "team_gallery_train", "analyze", ok=302),
    page("GET", "team_gallery_state", "read"),
    page("POST", "team_gallery_delete", "manage", ok=302),
    page("GET", "team_gallery_jobs", "manage"),
    page("POST", "team_gallery_export", "manage", ok=302),
    page("POST", "team_gallery_import", "manage", ok=302),
    page("POST", "team_gallery_reembed", "manage", ok=302),
    page("POST", "team_gallery_job_cancel", "manage", ok=302),
    page("GET", "team_gallery_job_file", "manage"),
    page("GET", "team_people_search", "read", other=200),
    page("POST", "team_subject_new", "analyze", ok=302),
    page("POST", "team_people_chosen", "analyze"),
    page("POST", "team_people_merge", "analyze", ok=302),
    page("POST", "team_people_move", "analyze", ok=302),
    page("POST", "team_people_erase", "manage", ok=302),
    # Without a picture, so that nobody waits for a worker.
    page("POST", "team_gallery_enrol", "analyze", ok=400),
    page("POST", "team_subject_enrol", "analyze", ok=400),
    page("GET", "team_subject", "read"),
    page("GET", "team_subject_faces", "read"),
    page("POST", "team_subject_change", "analyze", ok=302),
    page("POST", "team_subject_consent", "analyze", ok=302),
    page("POST", "team_faces_chosen", "analyze"),
    page("POST", "team_faces_move", "analyze", ok=302),
    page("POST", "team_faces_split", "analyze", ok=302),
    page("POST", "team_faces_remove", "analyze", ok=302),
    page("GET", "team_enrolled_crop", "read"),
    page("GET", "team_photo_face_crop", "read"),
    page("POST", "team_face_label", "analyze", ok=302),
    page("POST", "team_face_unlabel", "analyze", ok=302),
    page("GET", "team_who", "read", other=200),
    page("POST", "team_who_ask", "analyze", ok=400),
    page("GET", "team_unnamed", "read", other=200),
    page("GET", "team_unnamed_state", "read", other=200),
    page("POST", "team_unnamed_find", "analyze", ok=302, other=302),
    page("GET", "team_unnamed_one", "read"),
    page("POST", "team_unnamed_chosen", "analyze"),
    page("POST", "team_unnamed_name", "analyze", ok=302),
    page("POST", "team_unnamed_merge", "analyze", ok=302),
    page("POST", "team_unnamed_split", "analyze", ok=302),
]

# Routes that show nothing of any team, each with why.
NO_TEAM = {
    "home": "the same page for every visitor; members are sent on",
    "healthz": "says that the process lives",
    "readyz": "names of parts and whether they work",
    "api_openapi": "the description of the API, made of the code",
    "api_docs": "the same description as a page",
    "account_signup": "django-allauth",
    "account_login": "django-allauth",
    "account_logout": "django-allauth",
    "account_inactive": "django-allauth",
    "account_reauthenticate": "django-allauth, the caller's own password",
    "account_email_verification_sent": "django-allauth",
    "account_confirm_email": "django-allauth, by a signed key",
    "account_change_password": "django-allauth, the caller's own password",
    "account_reset_password": "django-allauth",
    "account_reset_password_done": "django-allauth",
    "account_reset_password_from_key": "django-allauth, by a signed key",
    "account_reset_password_from_key_done": "django-allauth",
    "account_confirm_again": "sends a message to the caller's own address",
    "mfa_index": "the caller's own second factor",
    "mfa_authenticate": "django-allauth, in the middle of a sign-in",
    "mfa_reauthenticate": "django-allauth, the caller's own second factor",
    "mfa_activate_totp": "django-allauth, the caller's own second factor",
    "mfa_deactivate_totp": "django-allauth, the caller's own second factor",
    "mfa_view_recovery_codes": "django-allauth, the caller's own codes",
    "mfa_generate_recovery_codes": "django-allauth, the caller's own codes",
    "mfa_download_recovery_codes": "django-allauth, the caller's own codes",
    "invitation_open": "keeps the link's digest and leads on; accounts/tests/test_invitations.py",
    "invitation": "for whoever holds the link; accounts/tests/test_invitations.py",
    "invitation_decline": "forgets the link",
    "account_delete": "the caller's own account; media_jobs/tests/test_removals_of_users.py",
    "removal_progress": "for whoever holds the signed link; media_jobs/tests/test_removals.py",
    "removal_state": "for whoever holds the signed link; media_jobs/tests/test_removals.py",
    "signed_export": "for whoever holds the signed link; media_jobs/tests/test_exports.py",
    "team_new": "for everybody signed in; accounts/tests/test_team_switch.py",
    "team_switch": "into the caller's own teams only; accounts/tests/test_team_switch.py",
}

# Celery tasks that work inside the team their argument names, and those of no team, each with why.
TEAM_TASKS = {
    *("media_jobs.tasks.list_batch", "media_jobs.tasks.send_batch"),
    *("media_jobs.tasks.analyze_chunk", "media_jobs.tasks.deliver_webhook"),
    "galleries.tasks.label_photos",
}
TASKS_ACROSS_TEAMS = {
    "media_jobs.tasks.detect_picture": "reads no table: a picture under a random name, and its answer",
    "media_jobs.tasks.send_forgotten_chunks": "sends what the broker lost, by id, back into its own team",
    "media_jobs.tasks.send_forgotten_listings": "sends lost listings, by id, back into their own team",
    "media_jobs.tasks.send_due_webhooks": "sends what is due, by id, back into its own team",
    "media_jobs.tasks.prune_webhook_deliveries": "deletes what is older than thirty days, whose ever it is",
    "media_jobs.tasks.enforce_retention": "enters each team that has a policy, one after the other",
    "media_jobs.tasks.make_export": "by id, into its own team; an export of a person has none",
    "media_jobs.tasks.run_removal": "by id; its team or its user is gone in the end",
    "media_jobs.tasks.take_up_long_work": "sends exports and removals, by id, whose worker is dead",
    "media_jobs.tasks.erase_released_files": "erases files that no row points at any more",
    "galleries.tasks.expire_temporary_faces": "erases faces whose time is over, whose ever they are",
    "galleries.tasks.run_gallery_job": "by id, into the team of the job",
    "galleries.tasks.expire_job_files": "erases archives that are past their day, whose ever they are",
    "galleries.tasks.send_forgotten_gallery_jobs": "sends jobs that no worker has, by id",
    "galleries.tasks.send_forgotten_photos": "sends photos with new faces, by id, back into their own team",
    "galleries.tasks.sweep_trained_states": "erases what dead trainings left, whose ever it was",
    "galleries.tasks.end_consents": "finds whose consent has ended, and erases them inside their own team",
    "accounts.tasks.forget_old_requests": "removes kept answers that are a day old, whose ever they are",
    "accounts.tasks.note_requests": "writes counted requests into the rows of each team",
}
