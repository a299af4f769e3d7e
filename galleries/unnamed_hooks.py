"""What the pool of unknown people does when photos were analysed, and as a job."""

from media_jobs.hooks import AFTER_ANALYSIS

from .jobs import AFTER, RUNNERS
from .models import GalleryJob
from .unnamed_pool import old_runs_forget, photos_cluster, run_cluster


def register() -> None:
    """Called once, when Django is ready."""
    RUNNERS[GalleryJob.Kind.CLUSTER] = run_cluster
    AFTER[GalleryJob.Kind.CLUSTER] = old_runs_forget
    AFTER_ANALYSIS.append(photos_cluster)
