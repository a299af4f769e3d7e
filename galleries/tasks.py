"""Celery tasks: call a service, done."""

from uuid import UUID

from celery import shared_task

from .jobs import forgotten_jobs_send, job_run


@shared_task
def run_gallery_job(*, job_id: str) -> None:
    job_run(job_id=UUID(job_id))


@shared_task
def send_forgotten_gallery_jobs() -> int:
    return forgotten_jobs_send()
