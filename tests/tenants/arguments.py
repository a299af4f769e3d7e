"""What the address of each route needs: things of the first team."""

from collections.abc import Callable
from typing import Any

from . import face_things, video_page_things, video_result_things, video_things
from .scene import SECRET, World

#: By the route's name.
ARGUMENTS: dict[str, Callable[[World], list[Any]]] = {
    "photo_detail": lambda world: [world.photo.pk],
    "photo_delete": lambda world: [world.photo.pk],
    "photo_file": lambda world: [world.photo.pk, "thumbnail"],
    "api_media": lambda world: [world.photo.pk],
    "api_face": lambda world: [world.more["face"].pk],
    "api_media_file": lambda world: [world.photo.pk, "original"],
    "api_job": lambda world: [world.job.pk],
    **dict.fromkeys(
        [
            *("team_batch", "team_batch_progress", "team_batch_cancel", "api_batch", "api_batch_items"),
            *("api_batch_cancel", "api_batch_results"),
        ],
        lambda world: [world.more["batch"].pk],
    ),
    **dict.fromkeys(["team_batch_retry", "api_batch_retry"], lambda world: [world.more["failed_batch"].pk]),
    "team_batch_results": lambda world: [world.more["batch"].pk, "csv"],
    "team_key_revoke": lambda world: [world.more["key"].identifier],
    **dict.fromkeys(
        [
            "team_member_role",
            "team_member_remove",
            "team_member_hand_over",
            "api_member",
            "api_member_hand_over",
        ],
        lambda world: [world.more["member"].pk],
    ),
    **dict.fromkeys(
        ["team_invitation_resend", "team_invitation_revoke", "api_invitation", "api_invitation_resend"],
        lambda world: [world.more["invitation"].pk],
    ),
    **dict.fromkeys(
        [
            *("team_webhook", "team_webhook_switch", "team_webhook_delete", "team_webhook_secret"),
            *("team_webhook_test", "api_webhook", "api_webhook_test", "api_webhook_secret"),
            "api_webhook_deliveries",
        ],
        lambda world: [world.more["webhook"].pk],
    ),
    **dict.fromkeys(
        ["team_webhook_delivery", "team_webhook_redeliver", "api_webhook_delivery", "api_webhook_redeliver"],
        lambda world: [world.more["delivery"].pk],
    ),
    **dict.fromkeys(
        ["team_export_file", "team_export_delete", "api_export", "api_export_file"],
        lambda world: [world.more["export"].pk],
    ),
    "api_removal": lambda world: [world.more["removal"].pk],
    **dict.fromkeys(
        ["api_gallery_unnamed", "api_gallery_unnamed_faces", "api_gallery_unnamed_split"],
        lambda world: [world.more["unnamed"][0].pk],
    ),
    **dict.fromkeys(
        ["api_gallery", "api_gallery_subjects", "api_gallery_subjects_merge", "api_gallery_subjects_move"],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    **dict.fromkeys(
        ["api_gallery_subject", "api_gallery_subject_photos", "api_gallery_subject_split"],
        lambda world: [world.more["enrolled"].gallery_id, world.more["enrolled"].subject_id],
    ),
    "api_gallery_face_move": lambda world: [world.more["enrolled"].gallery_id, world.more["enrolled"].pk],
    "api_face_label": lambda world: [world.more["unnamed_face"].pk],
    "api_gallery_subject_faces": lambda world: [
        world.more["enrolled"].gallery_id,
        world.more["enrolled"].subject_id,
    ],
    "api_gallery_faces": lambda world: [world.more["faces_gallery"].pk],
    **dict.fromkeys(
        ["api_gallery_face", "api_gallery_face_crop"],
        lambda world: [world.more["enrolled"].gallery_id, world.more["enrolled"].pk],
    ),
    "api_gallery_temporary_face": lambda world: [world.more["kept_face"].pk],
    **dict.fromkeys(
        ["api_gallery_import", "api_gallery_export", "api_gallery_reembed"],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    **dict.fromkeys(
        ["api_gallery_job", "api_gallery_job_file"], lambda world: [world.more["archive_job"].pk]
    ),
    **dict.fromkeys(
        ["api_gallery_train", "api_gallery_training", "api_gallery_identify"],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    "api_audit": lambda world: [world.more["event"].pk],
    "api_team": lambda world: [world.people.team.pk],
    "api_key": lambda world: [world.more["key"].identifier],
    **dict.fromkeys(
        [
            *("team_gallery", "team_gallery_settings", "team_gallery_train", "team_gallery_state"),
            *("team_gallery_delete", "team_gallery_jobs", "team_gallery_export", "team_gallery_import"),
            *("team_gallery_reembed", "team_subject_new", "team_people_chosen", "team_people_merge"),
            *("team_people_move", "team_people_erase", "team_gallery_enrol"),
        ],
        lambda world: [world.more["enrolled"].gallery_id],
    ),
    **dict.fromkeys(
        ["team_gallery_job_cancel", "team_gallery_job_file"], lambda world: [world.more["archive_job"].pk]
    ),
    **dict.fromkeys(
        [
            *("team_subject", "team_subject_faces", "team_subject_change", "team_subject_consent"),
            *("team_subject_enrol", "team_faces_chosen", "team_faces_move", "team_faces_split"),
            "team_faces_remove",
        ],
        lambda world: [world.more["enrolled"].subject_id],
    ),
    "team_enrolled_crop": lambda world: [world.more["enrolled"].pk],
    "team_photo_face_crop": lambda world: [world.more["face"].pk],
    **dict.fromkeys(["team_face_label", "team_face_unlabel"], lambda world: [world.more["unnamed_face"].pk]),
    **dict.fromkeys(["team_unnamed_one", "team_unnamed_split"], lambda world: [world.more["unnamed"][0].pk]),
    **face_things.ARGUMENTS,
    **video_things.ARGUMENTS,
    **video_result_things.ARGUMENTS,
    **video_page_things.ARGUMENTS,
}
QUERIES: dict[str, Callable[[World], str]] = {
    "api_detect": lambda world: "?deadline=0.1",
    "photo_states": lambda world: f"?job={world.job.pk}",
    "team_people_search": lambda world: f"?q={SECRET}",
    **video_result_things.QUERIES,
    **video_page_things.QUERIES,
}
