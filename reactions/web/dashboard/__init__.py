"""The newsroom's pages at /dashboard: what is hot, whether that is normal, whose it is, what the period was, what divides.

Everything is rendered here from `reactions.reports`; the scripts only draw, and fetch the same page again.
"""

from __future__ import annotations

from reactions.web.dashboard.pages import blueprint

__all__ = ["blueprint"]
