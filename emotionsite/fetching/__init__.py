"""Fetching addresses that clients give: guarded against reaching what only this server can reach.

Nothing else in the project opens a connection to an address from outside.
"""

from .fetch import Fetched, call, fetch, fetch_to
from .refusals import REFUSALS
from .targets import check_url, read_target

__all__ = ["REFUSALS", "Fetched", "call", "check_url", "fetch", "fetch_to", "read_target"]
