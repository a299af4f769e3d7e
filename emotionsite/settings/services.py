"""Database, broker, cache and storage: everything another process serves."""

import os

from .env import DATA_DIR, env
from .storage_url import storage_from_url

# A placeholder that parses but cannot connect keeps commands such as `makemigrations --check` working
# where no server runs; `manage.py doctor` says in words that it is not set.
UNSET_DATABASE_URL = "postgres://emotionsite@127.0.0.1:1/emotionsite"
UNSET_REDIS_URL = "redis://127.0.0.1:1"

DATABASE_URL = env.str("DATABASE_URL", default=UNSET_DATABASE_URL)
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default=DATABASE_URL)
REDIS_URL = env.str("REDIS_URL", default=UNSET_REDIS_URL).rstrip("/")

# Connections to the database that a process may have at once.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=20)
DATABASES = {
    "default": {
        **env.db_url_config(DATABASE_URL),
        "ENGINE": "emotionsite.database",
        "CONN_HEALTH_CHECKS": True,
        # psycopg's pool bounds the connections of a process however many threads it runs.
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 10},
            "application_name": "emotionsite",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"{REDIS_URL}/1",
        "KEY_PREFIX": "es",
    }
}

STORAGE_URL = env.str("STORAGE_URL", default=f"file://{DATA_DIR / 'files'}")
STORAGES = {
    "default": storage_from_url(STORAGE_URL),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- Addresses that clients give --------------------------------------------------------------------
# Hosts, addresses and networks that may be fetched from although they are not on the public internet.
URL_FETCH_ALLOW = env.list("URL_FETCH_ALLOW", default=[])

# --- Celery -----------------------------------------------------------------------------------------
CELERY_BROKER_URL = f"{REDIS_URL}/0"
# The row of a job is the truth about it, so no task result is kept.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# interactive: a client waits. batch: many photos, for a worker that steps back (WORKER_NICE). background: all
# that needs no face engine. A task that names no queue must not make clients wait.
CELERY_TASK_QUEUES = {
    name: {"exchange": name, "routing_key": name} for name in ("interactive", "batch", "background")
}
CELERY_TASK_DEFAULT_QUEUE = "background"
# How far a worker steps back behind other processes, 0 to 19.
WORKER_NICE = env.int("WORKER_NICE", default=0)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Without events the worker would still answer `inspect ping`, which is all that `doctor` needs.
CELERY_WORKER_SEND_TASK_EVENTS = False
# A chunk is short (media_jobs.services.CHUNK_SIZE photos); a message that is not acknowledged within this
# time goes to another worker. kombu looks for such messages every `unacked_restore_interval` seconds.
CELERY_VISIBILITY_TIMEOUT = env.int("CELERY_VISIBILITY_TIMEOUT", default=60)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": CELERY_VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    # A web request that cannot reach the broker gives up soon: the job stays queued and beat sends it later.
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
}
CELERY_BEAT_SCHEDULE = {
    "send-forgotten-chunks": {"task": "media_jobs.tasks.send_forgotten_chunks", "schedule": 30.0},
    "send-forgotten-videos": {"task": "media_jobs.tasks.send_forgotten_videos", "schedule": 30.0},
    "send-forgotten-listings": {"task": "media_jobs.tasks.send_forgotten_listings", "schedule": 60.0},
    "send-due-webhooks": {"task": "media_jobs.tasks.send_due_webhooks", "schedule": 5.0},
    "prune-webhook-deliveries": {"task": "media_jobs.tasks.prune_webhook_deliveries", "schedule": 3600.0},
    "erase-released-files": {"task": "media_jobs.tasks.erase_released_files", "schedule": 60.0},
    "note-requests": {"task": "accounts.tasks.note_requests", "schedule": 60.0},
    "forget-old-requests": {"task": "accounts.tasks.forget_old_requests", "schedule": 600.0},
    "take-up-long-work": {"task": "media_jobs.tasks.take_up_long_work", "schedule": 60.0},
    "send-forgotten-gallery-jobs": {
        "task": "galleries.tasks.send_forgotten_gallery_jobs",
        "schedule": 30.0,
    },
    "send-forgotten-photos": {"task": "galleries.tasks.send_forgotten_photos", "schedule": 120.0},
    "sweep-trained-states": {"task": "galleries.tasks.sweep_trained_states", "schedule": 600.0},
    "end-consents": {"task": "galleries.tasks.end_consents", "schedule": 300.0},
    "expire-video-uploads": {"task": "media_jobs.tasks.expire_video_uploads", "schedule": 600.0},
    "expire-gallery-job-files": {"task": "galleries.tasks.expire_job_files", "schedule": 300.0},
    "expire-snapshots": {"task": "galleries.tasks.expire_snapshots", "schedule": 300.0},
    "expire-temporary-faces": {"task": "galleries.tasks.expire_temporary_faces", "schedule": 300.0},
    "enforce-retention": {"task": "media_jobs.tasks.enforce_retention", "schedule": 300.0},
}

# --- Detection while a client waits ---------------------------------------------------------------
# Seconds until the answer is 408, unless the request says otherwise.
DETECT_DEADLINE_SECONDS = env.float("DETECT_DEADLINE_SECONDS", default=10.0)
# Clients that may wait at once in a web process; each holds a thread and a picture, and the first few a
# database connection.
DETECT_WAITING = env.int("DETECT_WAITING", default=64)

# --- Live camera ------------------------------------------------------------------------------------
# Cameras that may run at once: in one web process, where each takes a thread, and of one team over all.
LIVE_SESSIONS = env.int("LIVE_SESSIONS", default=16)
LIVE_SESSIONS_PER_TEAM = env.int("LIVE_SESSIONS_PER_TEAM", default=4)
# Most frames of a camera that are analysed in a second; each counts as a picture of the team's month.
LIVE_FRAMES_PER_SECOND = env.float("LIVE_FRAMES_PER_SECOND", default=15.0)
# A session without frames ends after so many seconds, and any session after so many minutes.
LIVE_IDLE_SECONDS = env.int("LIVE_IDLE_SECONDS", default=60)
LIVE_MINUTES = env.int("LIVE_MINUTES", default=30)
# How often it is asked again whether the member may still be here.
LIVE_RECHECK_SECONDS = env.float("LIVE_RECHECK_SECONDS", default=2.0)

# --- Engine ---------------------------------------------------------------------------------------
# Threads among which one pass shares its photos and faces, and passes that run at once in a worker. Together
# they fill the processor; a pass of one thread waits for nobody, which gives the most photos a second.
ENGINE_THREADS = env.int("ENGINE_THREADS", default=1)
ENGINE_PASSES = env.int("ENGINE_PASSES", default=max(1, (os.cpu_count() or 1) // ENGINE_THREADS))
# Chunks of videos that a worker decodes at once; each holds up to some 150 MB while it lasts.
VIDEO_CHUNKS_AT_ONCE = env.int("VIDEO_CHUNKS_AT_ONCE", default=2)
