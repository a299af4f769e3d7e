"""Pages of webhooks: the list, a new one, one with what was sent to it, one delivery with its calls."""

import json
from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal
from media_jobs.models import Webhook, WebhookDelivery
from media_jobs.webhooks import EVENTS, selectors, services
from media_jobs.webhooks.signing import in_order

PAGE_SIZE = 25


class WebhookForm(forms.Form):
    """Address, events and description of a webhook."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.org/hooks/faces", "spellcheck": "false"}
        ),
        help_text="Your program's address; it gets a signed POST for every event.",
    )
    description = forms.CharField(
        required=False, max_length=120, help_text="What it is for, so that others know."
    )
    events = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {meaning}") for name, meaning in EVENTS.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )


def _webhook(webhook_id: UUID) -> Webhook:
    return get_object_or_404(selectors.webhooks(), pk=webhook_id)


@require_GET
@team_page(Scope.MANAGE)
def team_webhooks(request: HttpRequest) -> HttpResponse:
    """The team's webhooks, newest first."""
    return render(request, "team/webhooks.html", {"webhooks": selectors.webhooks()})


@never_cache
@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_webhook_new(request: HttpRequest) -> HttpResponse:
    """Register a webhook and show its secret, in this answer and never again."""
    access = require_access(request)
    form = WebhookForm(request.POST or None, initial={"events": ["job.completed", "batch.completed"]})
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = services.webhook_create(team=access.team, user=access.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("url" if refusal.code.startswith("url_") else None, refusal.message)
        else:
            return _secret_page(request, webhook, secret)
    return render(request, "team/webhook_new.html", {"form": form}, status=400 if form.errors else 200)


def _secret_page(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    return render(request, "team/webhook_secret.html", {"webhook": webhook, "secret": secret})


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One webhook: change it, and see what was sent to it."""
    webhook = _webhook(webhook_id)
    initial = {"url": webhook.url, "description": webhook.description, "events": webhook.events}
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.webhook_change(webhook=webhook, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("url", refusal.message)
        else:
            messages.success(request, "The webhook was changed.")
            return redirect("team_webhook", webhook_id)
    sent = selectors.deliveries().filter(webhook=webhook)
    context = {
        "webhook": webhook,
        "form": form,
        "page": Paginator(sent, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "team/webhook.html", context, status=400 if form.errors else 200)


@require_POST
@team_page(Scope.MANAGE)
def team_webhook_switch(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Turn a webhook on (`enabled=1`) or off."""
    enabled = request.POST.get("enabled") == "1"
    services.webhook_change(webhook=_webhook(webhook_id), enabled=enabled)
    now = (
        "is on. It is told what happens from now on."
        if enabled
        else "is off. Nothing is sent to it any more."
    )
    messages.success(request, f"The webhook {now}")
    return redirect("team_webhook", webhook_id)


@require_POST
@team_page(Scope.MANAGE)
def team_webhook_delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Delete a webhook with everything noted about it."""
    services.webhook_delete(webhook=_webhook(webhook_id))
    messages.success(request, "The webhook was deleted.")
    return redirect("team_webhooks")


@never_cache
@require_POST
@team_page(Scope.MANAGE)
def team_webhook_secret(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Renew a webhook's secret and show the new one, in this answer and never again."""
    webhook, secret = services.webhook_secret_renew(webhook=_webhook(webhook_id))
    return _secret_page(request, webhook, secret)


@require_POST
@team_page(Scope.MANAGE)
def team_webhook_test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a test, and show what comes of it."""
    webhook = _webhook(webhook_id)
    return _sent(request, webhook, lambda: services.webhook_test(webhook=webhook))


@require_GET
@team_page(Scope.MANAGE)
def team_webhook_delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """One delivery: what is sent, and every call with its answer."""
    delivery = get_object_or_404(selectors.deliveries_with_calls(), pk=delivery_id)
    text = json.dumps(in_order(delivery.payload), indent=2, ensure_ascii=False)
    return render(request, "team/webhook_delivery.html", {"delivery": delivery, "payload": text})


@require_POST
@team_page(Scope.MANAGE)
def team_webhook_redeliver(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Send an event again, under the same id."""
    delivery = get_object_or_404(selectors.deliveries(), pk=delivery_id)
    return _sent(request, delivery.webhook, lambda: services.delivery_redeliver(delivery=delivery))


def _sent(request: HttpRequest, webhook: Webhook, send: Callable[[], WebhookDelivery]) -> HttpResponse:
    """Send, then show the delivery; a refusal is shown on the page of its webhook."""
    try:
        delivery = send()
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("team_webhook", webhook.pk)
    messages.success(request, "It is on its way. Reload this page to see the answer.")
    return redirect("team_webhook_delivery", delivery.pk)
