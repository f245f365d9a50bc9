"""The demo: an invented local newspaper and a month of its readers' votes.

`articles` are the stories of the paper, dated back from the given present; `ballots` are the votes cast on
them up to that present, in the order of time. They know no database: `seeding` prints them into one.
"""

from __future__ import annotations

from .crowd import DemoVote, ballots
from .newspaper import DemoArticle, Newspaper, Section, Wave, articles, newspaper

__all__ = ["DemoArticle", "DemoVote", "Newspaper", "Section", "Wave", "articles", "ballots", "newspaper"]
