"""Routes of the dialect, below `face/v1.0/`.

Letter case does not count: one official client writes `persistedFaces`, the other `persistedfaces`.
"""

from typing import Any

from django.urls import URLPattern, re_path

from .collections import CollectionListView, CollectionView
from .detect import DetectView
from .faces import FaceOfListView, FacesView, ListedFacesView, PersistedFaceView
from .kinds import FACE_LIST, KINDS, LARGE_FACE_LIST, Kind
from .persons import PersonsView, PersonView
from .questions import FindSimilarView, GroupView, IdentifyView, VerifyView
from .snapshots import OperationView, SnapshotApplyView, SnapshotListView, SnapshotView
from .training import TrainingView, TrainView
from .views import UnknownRoute

#: What may stand in front of the dialect's own address: a region's name or host.
PREFIX = r"^(?:[\w.-]+/)?[fF][aA][cC][eE]/[vV]1\.0/"
KEY = r"(?P<key>[^/]+)"
PERSON = r"(?P<person_id>[^/]+)"
FACE = r"(?P<face_id>[^/]+)"
SNAPSHOT = r"(?P<snapshot_id>[^/]+)"
OPERATION = r"(?P<operation_id>[^/]+)"


def anycase(word: str) -> str:
    """A pattern for a word in any letter case, of which Django can still make an address."""
    return "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


def route(path: str, view: Any, name: str, kind: Kind | None = None) -> URLPattern:
    """path: words and patterns of ids, with slashes between."""
    parts = [part if part.startswith("(") else anycase(part) for part in path.split("/")]
    return re_path(rf"^{'/'.join(parts)}/?$", view.as_view(**({"kind": kind} if kind else {})), name=name)


def _of_persons(kind: Kind) -> list[URLPattern]:
    base, name = f"{kind.path}/{KEY}", f"face_{kind.namespace}"
    return [
        route(f"{base}/persons", PersonsView, f"{name}_persons", kind),
        route(f"{base}/persons/{PERSON}", PersonView, f"{name}_person", kind),
        route(f"{base}/persons/{PERSON}/persistedfaces", FacesView, f"{name}_person_faces", kind),
        route(
            f"{base}/persons/{PERSON}/persistedfaces/{FACE}", PersistedFaceView, f"{name}_person_face", kind
        ),
    ]


def _of_faces(kind: Kind) -> list[URLPattern]:
    base, name = f"{kind.path}/{KEY}/persistedfaces", f"face_{kind.namespace}"
    if kind is FACE_LIST:
        faces, face = FacesView, FaceOfListView
    else:
        faces, face = ListedFacesView, PersistedFaceView
    return [
        route(base, faces, f"{name}_faces", kind),
        route(f"{base}/{FACE}", face, f"{name}_face", kind),
    ]


def _of(kind: Kind) -> list[URLPattern]:
    base, name = f"{kind.path}/{KEY}", f"face_{kind.namespace}"
    found = [
        route(kind.path, CollectionListView, f"{name}_list", kind),
        route(base, CollectionView, name, kind),
    ]
    if kind.trained:
        found += [
            route(f"{base}/train", TrainView, f"{name}_train", kind),
            route(f"{base}/training", TrainingView, f"{name}_training", kind),
        ]
    return found + (_of_faces(kind) if kind in (FACE_LIST, LARGE_FACE_LIST) else _of_persons(kind))


urlpatterns = [
    route("detect", DetectView, "face_detect"),
    route("findsimilars", FindSimilarView, "face_find_similars"),
    route("group", GroupView, "face_group"),
    route("identify", IdentifyView, "face_identify"),
    route("verify", VerifyView, "face_verify"),
    *(pattern for kind in KINDS for pattern in _of(kind)),
    route("snapshots", SnapshotListView, "face_snapshot_list"),
    route(f"snapshots/{SNAPSHOT}", SnapshotView, "face_snapshot"),
    route(f"snapshots/{SNAPSHOT}/apply", SnapshotApplyView, "face_snapshot_apply"),
    route(f"operations/{OPERATION}", OperationView, "face_operation"),
    re_path(r"^.*$", UnknownRoute.as_view(), name="face_unknown"),
]
