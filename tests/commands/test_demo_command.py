"""`reactions demo`: an invented newspaper that keeps what was voted on it, wherever it is started again."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from tests.engines import free_port
from tests.make import ADA
from tests.service import Service, running_service


def put_vote(service: Service, article: str) -> tuple[int, dict[str, object]]:
    """Vote as the newspaper's own page does."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    body = json.dumps({"article": article, "reaction": "wow", "reader": ADA, "seq": 1})
    headers = {"Content-Type": "application/json", "Origin": service.url, "Sec-Fetch-Mode": "cors"}
    connection.request("PUT", "/v1/sites/demo/vote", body, headers)
    answer = connection.getresponse()
    told = answer.status, json.loads(answer.read())
    connection.close()
    return told


def demo(database_url: str, port: int):  # type: ignore[no-untyped-def]
    command = ("reactions", "demo", "--bind", f"127.0.0.1:{port}")
    return running_service(database_url, port=port, command=command, settings={"counts_memory_s": 0})


def test_the_demo_keeps_its_votes_when_it_is_started_again_even_on_another_port(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    with demo(url, free_port()) as first:
        lead = next(word for word in first.log().split() if "/demo/" in word and not word.endswith(("/demo/", "/gallery")))
        article = lead.partition("/demo/")[2]
        status, receipt = put_vote(first, article)
        page = first.get(f"/demo/{article}")

    with demo(url, free_port()) as second:
        again_status, again = put_vote(second, article)
        said = second.log()

    assert (status, again_status, page[0]) == (200, 200, 200)
    assert int(str(receipt["total"])) > 100
    assert again == receipt
    assert f"{second.url}/demo/{article}" in said
    assert "Inventing a newspaper" not in said
