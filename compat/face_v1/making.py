"""Making a collection as Face API has it, for the dialect's own operation and for who copies groups over."""

from accounts.models import Team
from galleries.models import Gallery
from galleries.services import gallery_create

from .kinds import Kind


def collection_create(*, team: Team, kind: Kind, key: str, name: str, model: str, notes: str = "") -> Gallery:
    """A new collection under an id that was checked (`views.check_key`).

    model: one of `views.RECOGNITION_MODELS`; faces are compared under this name only. notes: its user data.
    Its faces are kept as vectors; pictures of them are not, as Face API did. Raises Refusal
    `gallery_key_taken`, `galleries_full`. The caller is inside the team's scope.
    """
    return gallery_create(
        team=team,
        namespace=kind.namespace,
        key=key,
        name=name,
        notes=notes,
        holds=kind.holds,
        model=model,
        model_alias=model,
        most=kind.most,
        keep_crops=False,
        allow_duplicates=True,
        label_photos=False,
    )
