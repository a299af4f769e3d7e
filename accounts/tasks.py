"""Celery tasks of accounts: call a service, done."""

from celery import shared_task

from .idempotency import requests_forget_old
from .usage import requests_note


@shared_task
def note_requests() -> int:
    return requests_note()


@shared_task
def forget_old_requests() -> int:
    return requests_forget_old()
