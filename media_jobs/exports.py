"""Exports: files made of a team's or a person's data, kept for a week."""

import smtplib
import tempfile
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.audit import record
from accounts.models import Team, User
from accounts.people_rules import people_lock

from . import files, signed
from .export_content import Archive, audit_write, photos_count, team_write, user_write
from .leases import Lease, LeaseLost, free_rows
from .models import Export, Removal
from .refusals import Refusal, refuse
from .sending import send_in_background
from .services import release_files

logger = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=7)
# One that is not ready by then never will be: whoever waits for it is told.
GIVEN_UP_AFTER = timedelta(days=1)
STEP_EVERY = 25
OPEN = [Export.Status.QUEUED.value, Export.Status.RUNNING.value]


# --- Reads ------------------------------------------------------------------------------------------
def exports() -> QuerySet[Export]:
    """The current team's exports, newest first."""
    return Export.objects.select_related("created_by").order_by("-created_at", "-id")


# --- Asking for one, letting go of one ----------------------------------------------------------------
@transaction.atomic
def export_start(*, team: Team, kind: str, user: User | None) -> Export:
    """Queue an export of the team or of its record. Raises Refusal `export_in_progress` when one is open."""
    people_lock(team=team)
    if Export.objects.filter(kind=kind, status__in=OPEN).exists():
        raise refuse("export_in_progress")
    export = export_row(team=team, kind=kind, user=user)
    record("export.created", team=team, obj=export, name=kind)
    return export


def export_row(*, team: Team | None, kind: str, user: User | None) -> Export:
    """Write the row of an export and send its task, in the running transaction."""
    export = Export.objects.create(
        team=team,
        kind=kind,
        # The record names photos, so its export goes with any of them as well.
        holds_media=True,
        created_by=user,
        expires_at=timezone.now() + KEPT_FOR,
    )
    export_send_on_commit(export.pk)
    return export


def export_send_on_commit(export_id: UUID) -> None:
    """Send the task of an export once the running transaction is committed."""
    from .tasks import make_export

    transaction.on_commit(lambda: send_in_background(make_export, export_id=str(export_id)))


@transaction.atomic
def export_delete(*, export: Export) -> None:
    """Erase an export before its day: its file and its entry."""
    row = Export.objects.select_for_update().get(pk=export.pk)
    release_files(team=row.team, names=[row.name] if row.name else [])
    if row.team is not None:
        record("export.deleted", team=row.team, obj=row, name=row.kind)
    row.delete()


def exports_expire(*, limit: int = 100) -> int:
    """Erase the files of exports that are past their day, in all teams; returns how many."""
    # Across teams: an export may have outlived its team.
    with across_teams(), transaction.atomic():
        old = Export.unscoped.filter(expires_at__lt=timezone.now()).exclude(status=Export.Status.ERASED)
        rows = list(old.select_for_update(skip_locked=True).order_by("expires_at")[:limit])
        for row in rows:
            release_files(team=row.team, names=[row.name] if row.name else [])
        Export.unscoped.filter(pk__in=[row.pk for row in rows]).update(
            status=Export.Status.ERASED, name="", size=0
        )
        # Nobody is left who could look at the entry.
        Export.unscoped.filter(pk__in=[row.pk for row in rows], team=None).delete()
    return len(rows)


# --- Making one ---------------------------------------------------------------------------------------
def export_run(*, export_id: UUID) -> None:
    """Make an export. Safe to run twice: one worker has it at a time, and it begins anew after a crash."""
    lease = Lease.take(Export, export_id, OPEN)
    if lease is None:
        return
    # Across teams: an export may be of a person, or outlive its team.
    with across_teams():
        Export.unscoped.filter(pk=export_id).update(status=Export.Status.RUNNING, done=0, error_message="")
        export = Export.unscoped.select_related("team", "created_by").get(pk=export_id)
    with lease:
        try:
            _make(export, lease)
        except LeaseLost:
            logger.info("export_left", export=str(export.pk))
        except Refusal as refusal:
            _fail(export, refusal.message)


def _make(export: Export, lease: Lease) -> None:
    teams = _teams_of(export)
    _count(export, total=sum(photos_count(team) for team in teams))
    added = 0

    def step(number: int) -> None:
        nonlocal added
        before, added = added, added + number
        if not number or added // STEP_EVERY != before // STEP_EVERY:
            lease.check()
            _count(export, done=added)

    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        archive = Archive(file, step)
        try:
            _write(archive, export, teams)
        finally:
            # Also when it is given up: it would else be closed once its file is.
            archive.close()
        size = file.tell()
        file.seek(0)
        name = files.store(f"exports/{export.pk}.zip", File(file))
    if not _finish(export, lease, name, size):
        # Photos were erased meanwhile, or the team is gone: what was made must not stay.
        files.erase([name])
        raise LeaseLost


def _teams_of(export: Export) -> list[Team]:
    if export.kind == Export.Kind.USER:
        with across_teams():
            removal = Removal.unscoped.get(export=export)
        return list(Team.objects.filter(pk__in=removal.part_ids).select_related("plan"))
    return [export.team] if export.team is not None and export.kind == Export.Kind.TEAM else []


def _write(archive: Archive, export: Export, teams: list[Team]) -> None:
    if export.kind == Export.Kind.USER and export.created_by is not None:
        user_write(archive, export.created_by, teams)
    elif export.kind == Export.Kind.AUDIT and export.team is not None:
        audit_write(archive, export.team)
    for team in teams if export.kind == Export.Kind.TEAM else []:
        team_write(archive, team)


def _count(export: Export, **figures: int) -> None:
    with across_teams():
        Export.unscoped.filter(pk=export.pk).update(**figures)


def _finish(export: Export, lease: Lease, name: str, size: int) -> bool:
    """Note where the file is; False when the export is not wanted any more."""
    with across_teams(), transaction.atomic():
        row = Export.unscoped.select_for_update().filter(pk=export.pk).first()
        if row is None or row.status != Export.Status.RUNNING or not lease.holds(row.beat_at):
            return False
        now = timezone.now()
        Export.unscoped.filter(pk=row.pk).update(
            status=Export.Status.READY,
            name=name,
            size=size,
            done=F("total"),
            finished_at=now,
            expires_at=now + KEPT_FOR,
            beat_at=None,
        )
        row.refresh_from_db()
        _tell(row)
    return True


def _fail(export: Export, sentence: str) -> None:
    with across_teams(), transaction.atomic():
        Export.unscoped.filter(pk=export.pk, status__in=OPEN).update(
            status=Export.Status.FAILED,
            error_message=sentence[:300],
            finished_at=timezone.now(),
            beat_at=None,
        )
        _waiting_removals_send(export)


def _tell(export: Export) -> None:
    """Tell whoever waits: webhooks of the team, the removal that comes after, the person by mail."""
    from .webhooks import emit

    if export.team is not None:
        with team_scope(export.team):
            data = {"export_id": str(export.pk), "kind": export.kind, "size": export.size}
            emit(team=export.team, event="export.ready", dedupe=f"export:{export.pk}", data=data)
    _waiting_removals_send(export)
    if export.created_by is not None:
        email, name = export.created_by.email, export.team.name if export.team else ""
        transaction.on_commit(lambda: _mail(export, email, name), robust=True)


def _waiting_removals_send(export: Export) -> None:
    from .removals import removal_send_on_commit

    for removal in Removal.unscoped.filter(export=export, status=Removal.Status.EXPORTING):
        removal_send_on_commit(removal.pk)


def _mail(export: Export, email: str, team_name: str) -> None:
    link = settings.PUBLIC_URL + reverse("signed_export", args=[signed.token_of("export", export.pk)])
    context = {"export": export, "link": link, "team_name": team_name}
    try:
        send_mail(
            "Your export is ready",
            render_to_string("team/email/export_ready.txt", context),
            None,
            [email],
        )
    except (smtplib.SMTPException, OSError) as fault:
        # The export stands on its page, too; without a mail server there is no better place to say it.
        logger.warning("export_mail_not_sent", export=str(export.pk), reason=type(fault).__name__)


def forgotten_exports_send() -> int:
    """Send exports that no worker has, and give those up that take longer than a day; returns how many."""
    from .tasks import make_export

    with across_teams():
        waiting = list(free_rows(Export, OPEN)[:100])
    for export in waiting:
        if timezone.now() - export.created_at > GIVEN_UP_AFTER:
            _fail(export, "It could not be made within a day. Tell whoever runs this server, and try again.")
        else:
            send_in_background(make_export, export_id=str(export.pk))
    return len(waiting)


def export_downloaded(*, export: Export) -> None:
    """Record that somebody fetched an export; one that outlived its team has no record to stand in."""
    if export.team is not None:
        record("export.downloaded", team=export.team, obj=export, name=export.kind)
