"""Limits of teams without a plan, and where requests are counted. 0 or nothing is without limit."""

from .env import env
from .services import REDIS_URL

DEFAULT_REQUESTS_PER_MINUTE = env.int("DEFAULT_REQUESTS_PER_MINUTE", default=6000) or None
DEFAULT_PICTURES_PER_MONTH = env.int("DEFAULT_PICTURES_PER_MONTH", default=0) or None
DEFAULT_STORED_FACES = env.int("DEFAULT_STORED_FACES", default=0) or None
DEFAULT_STORAGE_BYTES = int(env.float("DEFAULT_STORAGE_GB", default=0.0) * 1024**3) or None

# Videos. Longer or larger ones are refused before they cost anything.
MAX_VIDEO_SECONDS = env.int("MAX_VIDEO_SECONDS", default=4 * 3600)
MAX_VIDEO_PIXELS = env.int("MAX_VIDEO_PIXELS", default=8192 * 4320)

# A database of its own beside broker (0) and cache (1): clearing the cache must not open the gate.
COUNTERS_URL = f"{REDIS_URL}/2"
