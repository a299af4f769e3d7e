"""What is sent to each route, so that it does its work for whoever may ask."""

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from analysis.recognition import photo_model
from media_jobs.tests.batch_helpers import zip_of
from media_jobs.tests.pictures import encoded, noise

from . import face_things, video_page_things, video_result_things, video_things
from .scene import SECRET, World


def _new_picture(world: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("new.png", encoded(noise(44, 44, 5), "PNG"))}


def _two_people(world: World) -> dict[str, Any]:
    return {"subject": [str(world.more["enrolled"].subject_id), str(world.more["second_person"].pk)]}


def _enrolled(world: World) -> dict[str, Any]:
    return {"face": str(world.more["enrolled"].pk)}


def _two_unnamed(world: World) -> dict[str, Any]:
    return {"unnamed": [str(person.pk) for person in world.more["unnamed"]]}


#: Bodies by 'METHOD route': a dict is sent as a form (multipart, files included).
FORMS: dict[str, Callable[[World], dict[str, Any]]] = {
    "POST photo_upload": _new_picture,
    "POST api_media_list": _new_picture,
    "POST api_detect": _new_picture,
    "POST team_batch_new": lambda world: {
        "archive": SimpleUploadedFile("new.zip", zip_of({"a.png": encoded(noise(44, 44, 5), "PNG")}))
    },
    **dict.fromkeys(
        ["POST api_gallery_import_new", "POST api_gallery_import"],
        lambda world: {
            "archive": SimpleUploadedFile(
                "people.zip", zip_of({"Ada/1.png": encoded(noise(44, 44, 5), "PNG")})
            )
        },
    ),
    "POST team_member_role": lambda world: {"role": "analyst"},
    "POST team_invite": lambda world: {"email": "somebody@example.org", "role": "viewer"},
    "POST team_settings": lambda world: {"name": "another name"},
    "POST team_second_factor": lambda world: {"required": "1"},
    **dict.fromkeys(
        ["POST team_webhook_new", "POST team_webhook"],
        lambda world: {"url": "https://example.net/new", "events": ["job.failed"]},
    ),
    "POST team_audit_export": lambda world: {"format": "csv"},
    "POST team_privacy": lambda world: {"originals": "none", "faces": "forever", "results": "forever"},
    "POST team_exports": lambda world: {"kind": "team"},
    "POST team_delete": lambda world: {"name": world.people.team.name, "password": "correct horse battery"},
    "POST team_key_create": lambda world: {"name": "a new key", "scopes": ["read"]},
    "POST team_gallery_new": lambda world: {"name": "new", "quality_policy": "warn"},
    "POST team_gallery_settings": lambda world: {"name": "other", "quality_policy": "refuse"},
    "POST team_gallery_delete": lambda world: {"name": SECRET},
    "POST team_gallery_import": lambda world: {
        "archive": SimpleUploadedFile("new.zip", zip_of({"Ada/a.png": encoded(noise(44, 44, 5), "PNG")}))
    },
    "POST team_gallery_reembed": lambda world: {"model": "another"},
    "POST team_subject_new": lambda world: {"name": "somebody"},
    "POST team_people_chosen": lambda world: {**_two_people(world), "deed": "merge"},
    "POST team_people_merge": lambda world: {
        **_two_people(world),
        "stays": str(world.more["second_person"].pk),
    },
    "POST team_people_move": lambda world: {
        **_two_people(world),
        "gallery": str(world.more["pool_gallery"].pk),
    },
    "POST team_people_erase": lambda world: _two_people(world),
    "POST team_subject_change": lambda world: {"name": "another name"},
    "POST team_subject_consent": lambda world: {"consent_by": "herself"},
    "POST team_faces_chosen": lambda world: {**_enrolled(world), "deed": "split"},
    "POST team_faces_move": lambda world: {
        **_enrolled(world),
        "subject": str(world.more["second_person"].pk),
    },
    "POST team_faces_split": lambda world: {**_enrolled(world), "name": "somebody"},
    "POST team_faces_remove": lambda world: _enrolled(world),
    "POST team_gallery_enrol": lambda world: {"name": "somebody"},
    "POST team_who_ask": lambda world: {"gallery": str(world.more["enrolled"].gallery_id)},
    "POST team_face_label": lambda world: {"subject": str(world.more["second_person"].pk)},
    "POST team_unnamed_chosen": lambda world: {**_two_unnamed(world), "deed": "name"},
    "POST team_unnamed_name": lambda world: {
        **_two_unnamed(world),
        "name": "somebody",
        "gallery": str(world.more["pool_gallery"].pk),
    },
    "POST team_unnamed_merge": lambda world: _two_unnamed(world),
    "POST team_unnamed_split": lambda world: {"face": str(world.more["unnamed_face"].pk)},
    **video_page_things.FORMS,
}


def _unnamed_ids(world: World) -> dict[str, Any]:
    return {"unnamed_ids": [str(person.pk) for person in world.more["unnamed"]]}


#: The same, sent as JSON.
BODIES: dict[str, Callable[[World], Any]] = {
    "POST api_gallery_identify": lambda world: {
        "temporary_face_ids": [str(world.more["second_kept_face"].pk)]
    },
    "POST api_gallery_verify": lambda world: {
        "temporary_face_id": str(world.more["second_kept_face"].pk),
        "subject_id": str(world.more["enrolled"].subject_id),
    },
    "POST api_gallery_find_similar": lambda world: {
        "temporary_face_id": str(world.more["second_kept_face"].pk),
        "gallery_id": str(world.more["enrolled"].gallery_id),
    },
    "POST api_gallery_group": lambda world: {
        "temporary_face_ids": [str(world.more[name].pk) for name in ("kept_face", "second_kept_face")]
    },
    "POST api_batch_list": lambda world: {"items": [{"url": "https://example.org/a.jpg"}]},
    "POST api_webhook_list": lambda world: {"url": "https://example.net/new", "events": ["job.failed"]},
    "PATCH api_privacy": lambda world: {"keep_originals_days": 30},
    "POST api_export_list": lambda world: {"kind": "team"},
    "POST api_gallery_unnamed_name": lambda world: {
        **_unnamed_ids(world),
        "gallery_id": str(world.more["pool_gallery"].pk),
        "name": "somebody",
    },
    **dict.fromkeys(
        [
            *("POST api_gallery_unnamed_merge", "POST api_gallery_unnamed_ignore"),
            "POST api_gallery_unnamed_restore",
        ],
        _unnamed_ids,
    ),
    **dict.fromkeys(
        ["POST api_gallery_subject_faces", "POST api_gallery_faces"],
        lambda world: {"temporary_face_id": str(world.more["kept_face"].pk)},
    ),
    "POST api_gallery_export": lambda world: {"crops": True},
    "POST api_gallery_reembed": lambda world: {"model": photo_model().name},
    "POST api_gallery_list": lambda world: {"name": "a new gallery"},
    "PATCH api_gallery": lambda world: {"name": "another name"},
    "POST api_gallery_subjects": lambda world: {"name": "somebody"},
    "PATCH api_gallery_subject": lambda world: {"name": "another name"},
    "POST api_gallery_subject_split": lambda world: {
        "face_ids": [str(world.more["enrolled"].pk)],
        "name": "somebody",
    },
    "POST api_gallery_subjects_merge": lambda world: {
        "into": str(world.more["enrolled"].subject_id),
        "others": [str(world.more["second_person"].pk)],
    },
    "POST api_gallery_subjects_move": lambda world: {
        "subject_ids": [str(world.more["second_person"].pk)],
        "gallery_id": str(world.more["pool_gallery"].pk),
    },
    "POST api_gallery_face_move": lambda world: {"subject_id": str(world.more["second_person"].pk)},
    "PUT api_face_label": lambda world: {"subject_id": str(world.more["second_person"].pk)},
    "PATCH api_gallery_face": lambda world: {"notes": "other notes"},
    "POST api_gallery_unnamed_split": lambda world: {"face_ids": [str(world.more["unnamed_face"].pk)]},
    "POST api_removal_list": lambda world: {"media_ids": [str(world.photo.pk)]},
    "PATCH api_webhook": lambda world: {"enabled": False},
    "PATCH api_team": lambda world: {"name": "another name"},
    "PATCH api_member": lambda world: {"role": "analyst"},
    "POST api_invitation_list": lambda world: {"email": "somebody@example.org", "role": "viewer"},
    "POST api_key_list": lambda world: {"name": "a new key", "scopes": ["read"]},
    **face_things.BODIES,
    **video_things.BODIES,
    **video_result_things.BODIES,
}

#: Where the body is a picture.
PICTURES = face_things.PICTURES
