"""Pages of batches: the list with a place for a new archive, one batch with its errors and results."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from media_jobs import batch_selectors, batches
from media_jobs.models import Job, JobItem
from media_jobs.refusals import Refusal
from media_jobs.results import FORMATS, results_response

PAGE_SIZE = 25


class ArchiveForm(forms.Form):
    """A ZIP archive of pictures and what the batch is called."""

    archive = forms.FileField(
        label="ZIP archive",
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"}),
    )
    name = forms.CharField(required=False, max_length=120, help_text="So that you find it again.")


@require_GET
@team_page(Scope.READ)
def team_batches(request: HttpRequest) -> HttpResponse:
    """The team's batches, newest first, with the form for a new one."""
    return _list(request, ArchiveForm())


@require_POST
@team_page(Scope.ANALYZE)
def team_batch_new(request: HttpRequest) -> HttpResponse:
    """Start a batch of a ZIP archive, and follow it."""
    access = require_access(request)
    form = ArchiveForm(request.POST, request.FILES)
    if form.is_valid():
        archive = form.cleaned_data["archive"]
        name = form.cleaned_data["name"] or archive.name.removesuffix(".zip")
        try:
            batch = batches.batch_create_from_archive(
                team=access.team, file=archive, size=archive.size, name=name, user=access.user
            )
        except Refusal as refusal:
            form.add_error("archive", refusal.message)
        else:
            return redirect("team_batch", batch.pk)
    return _list(request, form, status=400)


def _list(request: HttpRequest, form: ArchiveForm, status: int = 200) -> HttpResponse:
    pages = Paginator(batch_selectors.batches(), PAGE_SIZE)
    context = {
        "page": pages.get_page(request.GET.get("page")),
        "form": form,
        "megabytes": f"{settings.MAX_ARCHIVE_BYTES / 1024**2:g}",
    }
    return render(request, "team/batches.html", context, status=status)


@require_GET
@team_page(Scope.READ)
def team_batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """One batch: how far it is, what failed and why, its results."""
    batch = _batch(batch_id)
    failed = batch_selectors.batch_items(batch_id=batch.pk).filter(status=JobItem.Status.FAILED)
    context = {
        **_progress(batch),
        "page": Paginator(failed, PAGE_SIZE).get_page(request.GET.get("page")),
        "formats": list(FORMATS),
        "retryable": batch.is_over and batch_selectors.retryable_items(batch_id=batch.pk).exists(),
    }
    return render(request, "team/batch.html", context)


@require_GET
@team_page(Scope.READ)
def team_batch_progress(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """How far a batch is, for the page that shows it; once it is over, the page loads itself anew."""
    batch = _batch(batch_id)
    answer = render(request, "team/_batch_progress.html", _progress(batch))
    if batch.is_over:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@team_page(Scope.ANALYZE)
def team_batch_cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Cancel what is still pending."""
    done = "The batch was cancelled. The results that are there stay."
    return _change(request, batch_id, batches.batch_cancel, done)


@require_POST
@team_page(Scope.ANALYZE)
def team_batch_retry(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Try the failed pictures again."""
    return _change(request, batch_id, batches.batch_retry, "The failed pictures are tried again.")


@require_GET
@team_page(Scope.READ)
def team_batch_results(request: HttpRequest, batch_id: UUID, form: str) -> StreamingHttpResponse:
    """The results as a file: jsonl, csv or parquet."""
    if form not in FORMATS:
        raise Http404("There are no results in this form.")
    return results_response(team=require_access(request).team, batch=_batch(batch_id), form=form)


def _change(request: HttpRequest, batch_id: UUID, change: Callable[..., Job], done: str) -> HttpResponse:
    batch = _batch(batch_id)
    try:
        change(batch_id=batch.pk)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, done)
    return redirect("team_batch", batch.pk)


def _batch(batch_id: UUID) -> Job:
    return get_object_or_404(batch_selectors.batches(), pk=batch_id)


def _progress(batch: Job) -> dict[str, Any]:
    return {
        "batch": batch,
        "counts": batch_selectors.counts_of(batch),
        "time_left": _words(batch_selectors.seconds_left(batch)),
    }


def _words(seconds: int | None) -> str:
    """A duration as people say it; empty when nobody knows."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, seconds)} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{round(minutes / 60)} hours"
