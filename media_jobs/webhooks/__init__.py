"""Webhooks: a team's own programs are told what happened.

`emit` notes an event in the transaction in which it happens; workers call the addresses afterwards.
"""

from .events import EVENTS, emit

__all__ = ["EVENTS", "emit"]
