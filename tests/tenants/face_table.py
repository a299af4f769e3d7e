"""The table of the operations of Face API.

Ids of another team in an address are not found (404); those in a body are not found with the status that
Face API gives there, which is 400 for all questions but verify.
"""

from .rows import Row, face

#: The four kinds of collection; those of persons are asked about persons, the others about faces.
OF_PERSONS = ("person_group", "large_person_group")
OF_FACES = ("face_list", "large_face_list")
#: A face list is asked as it is.
TRAINED = (*OF_PERSONS, "large_face_list")


def _collection(kind: str) -> list[Row]:
    name = f"face_{kind}"
    return [
        face("GET", f"{name}_list", "read", other=200),
        # Its id is taken in the first team, which says nothing about any other team.
        face("PUT", name, "manage", ok=409, other=200),
        face("GET", name, "read"),
        face("PATCH", name, "manage"),
        face("DELETE", name, "manage"),
    ]


def _training(kind: str) -> list[Row]:
    name = f"face_{kind}"
    return [face("POST", f"{name}_train", "analyze", ok=202), face("GET", f"{name}_training", "read")]


def _persons(kind: str) -> list[Row]:
    name = f"face_{kind}"
    return [
        face("GET", f"{name}_persons", "read"),
        face("POST", f"{name}_persons", "analyze"),
        face("GET", f"{name}_person", "read"),
        face("PATCH", f"{name}_person", "analyze"),
        face("DELETE", f"{name}_person", "manage"),
        # No worker answers in time.
        face("POST", f"{name}_person_faces", "analyze", ok=408),
        *_face(f"{name}_person_face"),
    ]


def _face(route: str) -> list[Row]:
    return [
        face("GET", route, "read"),
        face("PATCH", route, "analyze"),
        face("DELETE", route, "analyze"),
    ]


FACE_TABLE = [
    # Nothing of anybody's is asked for; no worker answers in time.
    face("POST", "face_detect", "analyze", ok=408, other=408),
    # --- Questions: of faces that detection kept, of lists and of groups ----------------------------------
    face("POST", "face_find_similars", "analyze", other=400),
    face("POST", "face_find_similars", "analyze", other=400, about="in a face list"),
    face("POST", "face_find_similars", "analyze", other=400, about="in a large face list"),
    face("POST", "face_group", "analyze", other=400),
    face("POST", "face_identify", "analyze", other=400),
    face("POST", "face_identify", "analyze", other=400, about="in a large person group"),
    face("POST", "face_verify", "analyze"),
    face("POST", "face_verify", "analyze", about="with a person"),
    face("POST", "face_verify", "analyze", about="with a person of a large group"),
    # --- Collections ------------------------------------------------------------------------------------
    *(row for kind in (*OF_PERSONS, *OF_FACES) for row in _collection(kind)),
    *(row for kind in TRAINED for row in _training(kind)),
    *(row for kind in OF_PERSONS for row in _persons(kind)),
    # No worker answers in time; the faces of a small list stand in the list itself.
    *(face("POST", f"face_{kind}_faces", "analyze", ok=408) for kind in OF_FACES),
    face("DELETE", "face_face_list_face", "analyze"),
    face("GET", "face_large_face_list_faces", "read"),
    *_face("face_large_face_list_face"),
    # --- Snapshots: this one is meant for its own team ----------------------------------------------------
    face("GET", "face_snapshot_list", "read", other=200),
    face("POST", "face_snapshot_list", "manage", ok=202),
    face("GET", "face_snapshot", "read"),
    face("PATCH", "face_snapshot", "manage"),
    face("DELETE", "face_snapshot", "manage"),
    face("POST", "face_snapshot_apply", "manage", ok=202),
    face("GET", "face_operation", "read"),
]
