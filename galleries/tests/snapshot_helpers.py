"""Steps that tests of snapshots share."""

from typing import Any
from uuid import UUID

from accounts.access import across_teams, team_scope
from accounts.models import Team
from galleries.jobs import job_run
from galleries.models import Gallery, GalleryJob, GallerySnapshot, SnapshotFace, SnapshotSubject
from galleries.snapshot_apply import snapshot_apply
from galleries.snapshots import snapshot_take

#: A person group of the Face API dialect.
GROUP: dict[str, Any] = {
    "namespace": "person_group",
    "key": "staff",
    "keep_crops": False,
    "label_photos": False,
}


def worked(job: GalleryJob) -> GalleryJob:
    """Do the work of a job as a worker does; the job as it is then."""
    job_run(job_id=job.pk)
    job.refresh_from_db()
    return job


def taken(gallery: Gallery, *teams: Team, **options: Any) -> GallerySnapshot:
    """A snapshot of a gallery that its own team and `teams` may apply."""
    scope = [team.pk for team in (gallery.team, *teams)]
    job = worked(snapshot_take(gallery=gallery, apply_scope=scope, **options))
    assert job.status == GalleryJob.Status.SUCCEEDED, job.error_message
    return GallerySnapshot.objects.get(pk=job.options["snapshot"])


def applied(team: Team, snapshot: GallerySnapshot, key: str = "copy") -> Gallery:
    """The gallery that a team makes of a snapshot."""
    with team_scope(team):
        job = worked(snapshot_apply(team=team, snapshot_id=snapshot.pk, key=key))
        assert job.status == GalleryJob.Status.SUCCEEDED, job.error_message
        return Gallery.objects.get(namespace=snapshot.namespace, key=key)


def rows_of(snapshot: GallerySnapshot | UUID) -> tuple[int, int]:
    """How many people and faces a snapshot has."""
    pk = snapshot.pk if isinstance(snapshot, GallerySnapshot) else snapshot
    with across_teams():
        return (
            SnapshotSubject.objects.filter(snapshot=pk).count(),
            SnapshotFace.objects.filter(snapshot=pk).count(),
        )
