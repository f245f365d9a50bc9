"""The demo: an invented local newspaper and a month of its readers' votes.

`articles` are the articles of the paper, dated back from the given present; `ballots` are the votes cast on
them before it, in order of time. They know no database: `seeding` writes them into one.
"""

from __future__ import annotations

from .crowd import DemoVote, ballots
from .newspaper import DemoArticle, Newspaper, Section, Wave, articles, newspaper

__all__ = ["DemoArticle", "DemoVote", "Newspaper", "Section", "Wave", "articles", "ballots", "newspaper"]
