"""Snapshots: taking and applying them, and how that stands."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from galleries.models import GalleryJob, GallerySnapshot
from galleries.snapshot_apply import snapshot_apply
from galleries.snapshots import (
    snapshot_change,
    snapshot_delete,
    snapshot_seen,
    snapshot_take,
    snapshots_seen,
)

from .bodies import Fields, read_json, read_query, uuid_of
from .errors import FaceError, face_error
from .kinds import KINDS, Kind
from .training import time_shown
from .views import FaceView, check_key, collection_of, nothing, shown

#: Accounts that one snapshot may be meant for.
MOST_ACCOUNTS = 64
MODE = "CreateNew"
STATUSES = {GalleryJob.Status.QUEUED: "notstarted", GalleryJob.Status.CANCELLED: "failed"}
OPERATIONS = (GalleryJob.Kind.SNAPSHOT, GalleryJob.Kind.APPLY)
_OF_NAMESPACE = {kind.namespace: kind for kind in KINDS}


class SnapshotListView(FaceView):
    required_scopes: ClassVar = {"POST": Scope.MANAGE}

    def get(self, request: Request) -> Response:
        """Those that the account has taken or may apply, the newest first."""
        query = read_query(request)
        kind = kind_named(query) if "type" in query else None
        accounts = (query.text("applyScope") or "").split(",") if "applyScope" in query else []
        found = snapshots_seen(
            team=self.access.team,
            namespace=kind.namespace if kind else "",
            apply_scope=[uuid_of(one.strip(), self.scope_wrong()) for one in accounts],
        )
        return Response([snapshot_shown(snapshot) for snapshot in found])

    def post(self, request: Request) -> Response:
        """Take a snapshot: a job does it, whose operation the answer names."""
        body = read_json(request)
        kind = kind_named(body)
        accounts = accounts_of(body, self.scope_wrong())
        if accounts is None:
            raise self.scope_wrong()
        user_data = body.user_data() or ""
        gallery = collection_of(kind, body.text("objectId") or "")
        return begun(snapshot_take(gallery=gallery, apply_scope=accounts, user_data=user_data))

    def scope_wrong(self) -> FaceError:
        return scope_error(self)


class SnapshotView(FaceView):
    required_scopes: ClassVar = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}

    def get(self, request: Request, snapshot_id: str) -> Response:
        found = snapshot_seen(team=self.access.team, snapshot_id=id_of(snapshot_id))
        return Response(snapshot_shown(found))

    def patch(self, request: Request, snapshot_id: str) -> Response:
        """Change who may apply it, the user data, or both; only who took it can."""
        body = read_json(request)
        given = {"apply_scope": accounts_of(body, scope_error(self)), "user_data": body.user_data()}
        changes = {name: value for name, value in given.items() if value is not None}
        if not changes:
            raise face_error("snapshot_unchanged")
        snapshot_change(snapshot_id=id_of(snapshot_id), **changes)
        return nothing()

    def delete(self, request: Request, snapshot_id: str) -> Response:
        """Erase it; only who took it can."""
        snapshot_delete(snapshot_id=id_of(snapshot_id))
        return nothing()


class SnapshotApplyView(FaceView):
    required_scopes: ClassVar = {"POST": Scope.MANAGE}

    def post(self, request: Request, snapshot_id: str) -> Response:
        """Make a new collection of it under an id that is free: a job does it, which the answer names."""
        body = read_json(request)
        if (body.text("mode") or MODE).lower() != MODE.lower():
            raise face_error("snapshot_mode")
        key = body.text("objectId") or ""
        snapshot = snapshot_seen(team=self.access.team, snapshot_id=id_of(snapshot_id))
        # What is refused from here on is said of this kind of collection.
        self.kind = _OF_NAMESPACE[snapshot.namespace]
        check_key(self.kind, key)
        job = snapshot_apply(team=self.access.team, snapshot_id=snapshot.pk, key=key, most=self.kind.most)
        return begun(job)


class OperationView(FaceView):
    def get(self, request: Request, operation_id: str) -> Response:
        wrong = face_error("operation_unknown")
        job = GalleryJob.objects.filter(pk=uuid_of(operation_id, wrong), kind__in=OPERATIONS).first()
        if job is None:
            raise wrong
        return Response(operation_shown(job))


def kind_named(fields: Fields) -> Kind:
    """The kind of collection that 'type' names. Raises FaceError."""
    wanted = (fields.text("type") or "").lower()
    found = next((kind for kind in KINDS if kind.code.lower() == wanted), None)
    if found is None:
        raise face_error("snapshot_type")
    return found


def accounts_of(body: Fields, wrong: FaceError) -> list[UUID] | None:
    """'applyScope', None where it is not given. Raises `wrong` for what is no list of 1 to 64 ids."""
    values = body.get("applyScope")
    if values is None:
        return None
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_ACCOUNTS:
        raise wrong
    return list(dict.fromkeys(uuid_of(one, wrong) for one in values))


def scope_error(view: FaceView) -> FaceError:
    return face_error("snapshot_scope", account=view.access.team.pk)


def id_of(text: str) -> UUID:
    """The id of a snapshot in an address; what cannot be one is no snapshot's. Raises FaceError."""
    return uuid_of(text, face_error("snapshot_unknown"))


def begun(job: GalleryJob) -> Response:
    """The answer to what a job does. Programs cut the address at its slashes, so that it has to be short."""
    return nothing(202, **{"Operation-Location": f"/operations/{job.pk}"})


def snapshot_shown(snapshot: GallerySnapshot) -> dict[str, Any]:
    """A snapshot as a program sees it. Accounts are the ids of teams."""
    return shown(
        id=str(snapshot.pk),
        account=str(snapshot.team_id),
        type=_OF_NAMESPACE[snapshot.namespace].code,
        applyScope=[str(account) for account in snapshot.apply_scope],
        userData=snapshot.user_data or None,
        createdTime=time_shown(snapshot.created_at),
        lastUpdateTime=time_shown(snapshot.updated_at),
    )


def operation_shown(job: GalleryJob) -> dict[str, Any]:
    """How a job stands, and where to find what it made."""
    done = job.status == GalleryJob.Status.SUCCEEDED
    message = job.error_message or (
        "The operation was cancelled." if job.status == GalleryJob.Status.CANCELLED else None
    )
    return shown(
        status=STATUSES.get(GalleryJob.Status(job.status), job.status),
        createdTime=time_shown(job.created_at),
        lastActionTime=time_shown(job.finished_at or job.beat_at or job.started_at or job.created_at),
        resourceLocation=_made_by(job) if done else None,
        message=None if done else message,
    )


def _made_by(job: GalleryJob) -> str:
    """The address of what an operation made, below that of the dialect."""
    if job.kind == GalleryJob.Kind.SNAPSHOT:
        return f"/snapshots/{job.options['snapshot']}"
    return f"/{_OF_NAMESPACE[job.options['namespace']].path}/{job.options['key']}"
