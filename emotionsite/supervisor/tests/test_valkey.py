"""The embedded Valkey: it keeps what was queued and lets nobody in without the password."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from emotionsite.supervisor.processes import ProcessTable
from emotionsite.supervisor.valkey import ONE_TRY, EmbeddedValkey


@pytest.fixture
def server(tmp_path: Path, table: ProcessTable) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "a folder with 'quotes\"", table=table)
    server.start()
    yield server
    server.stop()


def test_queued_items_survive_a_killed_server(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(f"{server.url}/0") as client:
        for number in range(1000):
            client.lpush("interactive", number)
        server.kill()
    assert not server.running
    server.start(keep_port=True)
    with redis.Redis.from_url(f"{server.url}/0") as client:
        assert client.llen("interactive") == 1000
        assert client.rpop("interactive") == b"0"


def test_queued_items_survive_an_orderly_stop(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(f"{server.url}/0") as client:
        client.lpush("batch", "one")
    server.stop()
    server.start()
    with redis.Redis.from_url(f"{server.url}/0") as client:
        assert client.lrange("batch", 0, -1) == [b"one"]


def test_password_is_needed_and_not_among_the_arguments(server: EmbeddedValkey) -> None:
    with redis.Redis(port=server.port, retry=ONE_TRY) as client, pytest.raises(redis.AuthenticationError):
        client.llen("interactive")
    arguments = Path(f"/proc/{server.pid}/cmdline")
    if arguments.exists():
        assert server.secrets.valkey not in arguments.read_text()
    assert (server.data_dir / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_full_memory_refuses_rather_than_forgets(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
