"""Health of the web container: exit code 0 when /healthz answers, 1 when it does not.

The standard library is enough for this; loading Django every half minute would not be.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

PORT = 8000
TIMEOUT = 4.0


def fault(port: int, environment: Mapping[str, str]) -> str:
    """What is wrong with the web process on `port` of this machine, in words; "" when it is well."""
    public = urlsplit(environment.get("PUBLIC_URL", ""))
    # As a visitor would ask: another host is refused (ALLOWED_HOSTS), another scheme may be redirected.
    headers = {"Host": public.netloc or "localhost", "X-Forwarded-Proto": public.scheme or "http"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/healthz", headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"/healthz does not answer on port {port}: {error}"
    finally:
        connection.close()
    if status == 400:
        return f"/healthz answers 400: add {headers['Host']}, the host of PUBLIC_URL, to ALLOWED_HOSTS"
    return "" if status < 400 else f"/healthz answers {status}"


if __name__ == "__main__":
    wrong = fault(PORT, os.environ)
    if wrong:
        print(wrong, file=sys.stderr)
    sys.exit(1 if wrong else 0)
