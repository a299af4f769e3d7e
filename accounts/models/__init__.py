"""Who may do what, within which limits, and the record of it."""

from .audit import AuditEvent
from .keys import ApiKey, IdempotentRequest, Scope
from .plans import Plan, TeamUsage, UsageDay
from .teams import Invitation, Membership, Role, Team, User

__all__ = [
    "ApiKey",
    "AuditEvent",
    "IdempotentRequest",
    "Invitation",
    "Membership",
    "Plan",
    "Role",
    "Scope",
    "Team",
    "TeamUsage",
    "UsageDay",
    "User",
]
