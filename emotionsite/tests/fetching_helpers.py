"""What tests of the fetcher share."""

from typing import Any

import pytest

from emotionsite.fetching import fetch
from emotionsite.problems import Refusal

MB = 1024 * 1024


def refused(url: str, **options: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        fetch(url, **{"max_bytes": MB, "deadline": 5, **options})
    return caught.value
