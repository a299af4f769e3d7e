"""Consent of the people in galleries: who may be recognised, and what happens when it ends."""

from collections import defaultdict
from uuid import UUID

import structlog
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import Team

from .erasure import CONSENT_ENDED, subjects_erase
from .models import Subject

logger = structlog.get_logger(__name__)

# People of one run of beat; the next run takes the next ones.
CHUNK = 500


def consented(prefix: str = "") -> Q:
    """Condition for people who may be recognised: their consent has not ended, by the database's clock.

    prefix: the way to the person, such as "subject__".
    """
    until = f"{prefix}consent_until"
    return Q(**{until: None}) | Q(**{f"{until}__gt": Now()})


def consent_ended(subject: Subject) -> bool:
    """Whether the consent of a person has ended: nobody looks for them any more."""
    return subject.consent_until is not None and subject.consent_until <= timezone.now()


def consents_end(*, limit: int = CHUNK) -> int:
    """Erase people of all teams whose consent has ended, where their gallery wants that; returns how many.

    Where it does not, they stay enrolled and marked, and are nobody's candidates. Safe to run twice.
    """
    over = Subject.unscoped.filter(
        consent_until__lte=Now(), gallery__erase_without_consent=True, team__deleting_at=None
    )
    # Across teams: whose consent has ended.
    with across_teams():
        found = list(over.order_by("consent_until").values_list("team_id", "pk")[:limit])
        teams = Team.objects.in_bulk({team_id for team_id, _ in found})
    people: dict[UUID, list[UUID]] = defaultdict(list)
    for team_id, pk in found:
        people[team_id].append(pk)
    erased = 0
    for team_id, ids in people.items():
        team = teams[team_id]
        with team_scope(team), structlog.contextvars.bound_contextvars(team_id=str(team_id)):
            # Read again: somebody may have renewed a consent meanwhile.
            still = Subject.objects.filter(pk__in=ids).exclude(consented()).values_list("pk", flat=True)
            erased += subjects_erase(team=team, subject_ids=list(still), reason=CONSENT_ENDED)
    if erased:
        logger.info("consents_ended", count=erased)
    return erased
