"""Where apps above are told of what happens to photos."""

from collections.abc import Callable, Sequence
from uuid import UUID

from accounts.models import Team

#: Called with the photos that were analysed anew, in the transaction that stores their faces.
AFTER_ANALYSIS: list[Callable[[Team, Sequence[UUID]], None]] = []


def photos_analyzed(*, team: Team, media_ids: Sequence[UUID]) -> None:
    """Tell everybody who asked to be told."""
    if media_ids:
        for told in AFTER_ANALYSIS:
            told(team, media_ids)
