"""The newsroom's pages at /dashboard.

Everything is rendered on the server from `reactions.reports`; the scripts only draw charts and fetch the same page again.
"""

from __future__ import annotations

from reactions.web.dashboard import article_actions, settings_pages  # they add their routes
from reactions.web.dashboard.pages import blueprint

__all__ = ["article_actions", "blueprint", "settings_pages"]
