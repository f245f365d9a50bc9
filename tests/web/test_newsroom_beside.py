"""The newsroom's routes beside others that change the same articles."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response

from reactions.web import newsroom_api
from tests.lengths import only_sqlite
from tests.web.test_newsroom_api import CUP, Editor, editor

__all__ = ["editor"]


@only_sqlite
@pytest.mark.parametrize("change", ["close", "hide", "reset"])
def test_an_article_that_is_deleted_before_its_change_is_answered_is_not_there(
    editor: Editor, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    editor.send("PUT", "daily/articles", {"articles": [CUP]})
    state = newsroom_api._state

    def deleted_first(*args: Any, **named: Any) -> Response:
        assert editor.send("DELETE", "daily/articles", {"article": CUP["key"]}).json == {"deleted": 1}
        return state(*args, **named)

    monkeypatch.setattr(newsroom_api, "_state", deleted_first)

    assert editor.send("POST", f"daily/articles/{change}", {"article": CUP["key"]}).status_code == 404
