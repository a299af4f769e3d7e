"""Celery tasks: call a service, done."""

from uuid import UUID

from celery import shared_task

from accounts.access import current_team
from media_jobs.tasks import TeamTask

from .consent import consents_end
from .job_files import job_files_expire
from .jobs import forgotten_jobs_send, job_run
from .recognising import forgotten_photos_send, photos_label
from .snapshots import snapshots_expire
from .temporary import temporary_faces_expire
from .training import states_sweep


@shared_task
def run_gallery_job(*, job_id: str) -> None:
    job_run(job_id=UUID(job_id))


@shared_task
def send_forgotten_gallery_jobs() -> int:
    return forgotten_jobs_send()


@shared_task(base=TeamTask)
def label_photos(*, team_id: str, media_ids: list[str]) -> None:
    photos_label(team=current_team(), media_ids=[UUID(pk) for pk in media_ids])


@shared_task
def send_forgotten_photos() -> int:
    return forgotten_photos_send()


@shared_task
def end_consents() -> int:
    return consents_end()


@shared_task
def sweep_trained_states() -> int:
    return states_sweep()


@shared_task
def expire_temporary_faces() -> int:
    return temporary_faces_expire()


@shared_task
def expire_snapshots() -> int:
    return snapshots_expire()


@shared_task
def expire_job_files() -> int:
    return job_files_expire()
