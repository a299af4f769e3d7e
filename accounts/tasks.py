"""Celery tasks of accounts: call a service, done."""

from celery import shared_task

from .usage import requests_note


@shared_task
def note_requests() -> int:
    return requests_note()
