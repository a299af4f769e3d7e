"""Sending the tasks of long work; beat sends again what the broker did not take."""

from typing import Any

import structlog
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)


def send_in_background(task: Any, **arguments: str) -> bool:
    """Hand a task to the broker; False when it cannot be reached. Then beat sends it later."""
    try:
        task.apply_async(kwargs=arguments, queue="background")
    except (OperationalError, OSError) as error:
        logger.warning("task_not_sent", task=task.name, reason=type(error).__name__)
        return False
    return True
