"""What erasing, exporting, moving and snapshots hook into the apps below; `galleries.hooks` calls it."""

from media_jobs import export_content, removals
from media_jobs.erasure import ERASERS
from media_jobs.models import Removal

from . import archive_export, archive_import, erasure, reembedding, snapshot_apply, snapshots, team_export
from .jobs import RUNNERS, after_add
from .models import GalleryJob


def register() -> None:
    """Say how people and galleries are erased, exported and moved."""
    ERASERS["subject"] = erasure.subjects_erase
    ERASERS["enrolledface"] = erasure.enrolled_faces_erase
    ERASERS["gallery"] = erasure.galleries_erase
    removals.STEPS[Removal.Kind.SUBJECT] = erasure.subject_steps
    removals.STEPS[Removal.Kind.GALLERY] = erasure.gallery_steps
    removals.STARTERS[Removal.Kind.SUBJECT] = erasure.subjects_removal_start
    export_content.PARTS.append(team_export.galleries_write)
    export_content.COUNTS.append(team_export.crops_count)
    RUNNERS[GalleryJob.Kind.EXPORT] = archive_export.export_steps
    RUNNERS[GalleryJob.Kind.IMPORT] = archive_import.import_steps
    RUNNERS[GalleryJob.Kind.REEMBED] = reembedding.reembed_steps
    after_add(GalleryJob.Kind.IMPORT, archive_import.import_ended)
    RUNNERS[GalleryJob.Kind.SNAPSHOT] = snapshots.snapshot_steps
    after_add(GalleryJob.Kind.SNAPSHOT, snapshots.snapshot_ended)
    RUNNERS[GalleryJob.Kind.APPLY] = snapshot_apply.apply_steps
    after_add(GalleryJob.Kind.APPLY, snapshot_apply.apply_ended)
