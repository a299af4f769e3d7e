"""Pages of the team area: galleries, people, who is this, unnamed people."""

from django.urls import path

from .team_views import crops, enrol, galleries, jobs, labels, people, person, unnamed, videos, who

GALLERY = "galleries/<uuid:gallery_id>"
PERSON = "people/<uuid:subject_id>"
UNNAMED = "unnamed/<uuid:unnamed_id>"

urlpatterns = [
    # --- Galleries ------------------------------------------------------------------------------
    path("galleries", galleries.team_galleries, name="team_galleries"),
    path("galleries/new", galleries.team_gallery_new, name="team_gallery_new"),
    path(GALLERY, people.team_gallery, name="team_gallery"),
    path(f"{GALLERY}/settings", galleries.team_gallery_settings, name="team_gallery_settings"),
    path(f"{GALLERY}/train", galleries.team_gallery_train, name="team_gallery_train"),
    path(f"{GALLERY}/state", galleries.team_gallery_state, name="team_gallery_state"),
    path(f"{GALLERY}/delete", galleries.team_gallery_delete, name="team_gallery_delete"),
    path(f"{GALLERY}/jobs", jobs.team_gallery_jobs, name="team_gallery_jobs"),
    path(f"{GALLERY}/export", jobs.team_gallery_export, name="team_gallery_export"),
    path(f"{GALLERY}/import", jobs.team_gallery_import, name="team_gallery_import"),
    path(f"{GALLERY}/reembed", jobs.team_gallery_reembed, name="team_gallery_reembed"),
    path("galleries/jobs/<uuid:job_id>/cancel", jobs.team_gallery_job_cancel, name="team_gallery_job_cancel"),
    path("galleries/jobs/<uuid:job_id>/file", jobs.team_gallery_job_file, name="team_gallery_job_file"),
    # --- People of a gallery --------------------------------------------------------------------
    path("people/search", people.team_people_search, name="team_people_search"),
    path(f"{GALLERY}/people/new", people.team_subject_new, name="team_subject_new"),
    path(f"{GALLERY}/people/chosen", people.team_people_chosen, name="team_people_chosen"),
    path(f"{GALLERY}/people/merge", people.team_people_merge, name="team_people_merge"),
    path(f"{GALLERY}/people/move", people.team_people_move, name="team_people_move"),
    path(f"{GALLERY}/people/erase", people.team_people_erase, name="team_people_erase"),
    path(f"{GALLERY}/enrol", enrol.team_gallery_enrol, name="team_gallery_enrol"),
    # --- One person -----------------------------------------------------------------------------
    path(PERSON, person.team_subject, name="team_subject"),
    path(f"{PERSON}/change", person.team_subject_change, name="team_subject_change"),
    path(f"{PERSON}/consent", person.team_subject_consent, name="team_subject_consent"),
    path(f"{PERSON}/enrol", enrol.team_subject_enrol, name="team_subject_enrol"),
    path(f"{PERSON}/faces", person.team_subject_faces, name="team_subject_faces"),
    path(f"{PERSON}/faces/chosen", person.team_faces_chosen, name="team_faces_chosen"),
    path(f"{PERSON}/faces/move", person.team_faces_move, name="team_faces_move"),
    path(f"{PERSON}/faces/split", person.team_faces_split, name="team_faces_split"),
    path(f"{PERSON}/faces/remove", person.team_faces_remove, name="team_faces_remove"),
    # --- Pictures of faces ----------------------------------------------------------------------
    path("faces/<uuid:face_id>/crop", crops.team_enrolled_crop, name="team_enrolled_crop"),
    path("photo-faces/<uuid:face_id>/crop", crops.team_photo_face_crop, name="team_photo_face_crop"),
    # --- Faces of photos ------------------------------------------------------------------------
    path("photo-faces/<uuid:face_id>/label", labels.team_face_label, name="team_face_label"),
    path("photo-faces/<uuid:face_id>/unlabel", labels.team_face_unlabel, name="team_face_unlabel"),
    # --- Who is this? ---------------------------------------------------------------------------
    path("who", who.team_who, name="team_who"),
    path("who/ask", who.team_who_ask, name="team_who_ask"),
    # --- Videos ---------------------------------------------------------------------------------
    path("videos/<uuid:video_id>/identify", videos.team_video_identify, name="team_video_identify"),
    # --- Unnamed people -------------------------------------------------------------------------
    path("unnamed", unnamed.team_unnamed, name="team_unnamed"),
    path("unnamed/state", unnamed.team_unnamed_state, name="team_unnamed_state"),
    path("unnamed/find", unnamed.team_unnamed_find, name="team_unnamed_find"),
    path("unnamed/chosen", unnamed.team_unnamed_chosen, name="team_unnamed_chosen"),
    path("unnamed/name", unnamed.team_unnamed_name, name="team_unnamed_name"),
    path("unnamed/merge", unnamed.team_unnamed_merge, name="team_unnamed_merge"),
    path(UNNAMED, unnamed.team_unnamed_one, name="team_unnamed_one"),
    path(f"{UNNAMED}/split", unnamed.team_unnamed_split, name="team_unnamed_split"),
]
