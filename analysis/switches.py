"""What a team has switched off: it is neither computed nor stored nor returned.

- Not computed: a worker asks the engine for `parts_of(team)` and nothing else.
- Not stored: `analysis.services.analyses_store` looks at the switches again when it writes.
- Not returned: a face that is read inside the team's scope comes without it (`analysis.models.Face.from_db`),
  from the moment of the switch on. What was stored before is erased soon after
  (`analysis.services.switched_off_erase`). Reads by `values()` and filters must leave out
  `hidden_columns(team)` themselves.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from accounts.models import Team
from ml_models import EMOTIONS


@dataclass(frozen=True)
class Switch:
    """A switch of a team: the field of `Team`, the part of the engine, and the columns of `Face` it governs.

    `stored` finds the faces that hold something in these columns, by an index.
    """

    field: str
    part: str
    columns: tuple[str, ...]
    stored: Q


SWITCHES = (
    Switch("analyze_emotion", "emotions", (*EMOTIONS, "strongest"), Q(strongest__gt="")),
    Switch("analyze_age", "age", ("age",), Q(age__isnull=False)),
    Switch("analyze_gender", "gender", ("gender", "gender_confidence"), Q(gender__gt="")),
    # Its vectors lie in a table of their own, which is erased row by row.
    Switch("analyze_identity", "embedding", (), Q(embedding__isnull=False)),
)
#: Columns that hold words; nothing is '' there and None everywhere else.
_WORDS = frozenset({"strongest", "gender"})
#: What of a face is stored whatever the switches say: smile, glasses, hair and so on.
ALWAYS = frozenset({"appearance"})


def parts_of(team: Team) -> frozenset[str]:
    """What the engine finds out of the faces in photos of the team, as `FaceEngine.analyze` takes it."""
    parts = ALWAYS | {switch.part for switch in SWITCHES if getattr(team, switch.field)}
    # How far a vector can be trusted is stored with it.
    return parts | {"quality"} if "embedding" in parts else parts


def switched_off(team: Team) -> list[Switch]:
    """The switches that are off."""
    return [switch for switch in SWITCHES if not getattr(team, switch.field)]


def hidden_columns(team: Team) -> frozenset[str]:
    """Columns of `Face` that may not be shown to the team."""
    return frozenset(column for switch in switched_off(team) for column in switch.columns)


def blank(switch: Switch) -> dict[str, Any]:
    """The columns of a switch with nothing in them."""
    return {column: blank_of(column) for column in switch.columns}


def blank_of(column: str) -> Any:
    """What stands in a column of `Face` that was switched off."""
    return "" if column in _WORDS else None
