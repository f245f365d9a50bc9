"""The ways the domain says no, in words that may be shown.

A refusal is an answer, not a bug: nothing was stored or changed. `web/problems.py` gives each its HTTP status.
"""

from __future__ import annotations


class Refusal(Exception):
    """A request the domain turns down. `detail` says how to fix it; `pointer` names the member at fault."""

    pointer: str | None = None
    retry_after_s: int | None = None

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer or self.pointer


class MalformedKey(Refusal):
    """An article key that breaks the rule of `article_keys.canonical_key`."""

    pointer = "#/article"


class UnknownSite(Refusal):
    """No site has this key."""


class UnknownArticle(Refusal):
    """The site takes votes only on articles it has registered, and this is not one of them."""

    pointer = "#/article"


class KeyTaken(Refusal):
    """The key belongs to another article."""

    pointer = "#/to"


class ArticleClosed(Refusal):
    """Voting on the article has ended."""

    pointer = "#/article"


class VotesDropped(Refusal):
    """The article's votes were dropped by age: its counts cannot change any more."""

    pointer = "#/article"


class ArticleQuotaSpent(Refusal):
    """Readers registered as many new articles today as the site allows."""

    pointer = "#/article"
    retry_after_s = 3600


class UnknownReaction(Refusal):
    """The site's set has no reaction with this key."""

    pointer = "#/reaction"


class RetiredReaction(Refusal):
    """The reaction is no longer offered; its counts are kept."""

    pointer = "#/reaction"


class SeqOutOfRange(Refusal):
    """A seq below 0, or more than a day ahead of the server's clock."""

    pointer = "#/seq"


class MalformedReactionSet(Refusal):
    """A reaction set that cannot be used; the detail names the entry."""


class MalformedSite(Refusal):
    """A site's key, origin, time zone or policy that cannot be used."""


class MalformedApiKey(Refusal):
    """An API key that cannot be made: its scopes or its label."""


class UnknownApiKey(Refusal):
    """The site has no API key with this id."""


class UnknownVerdict(Refusal):
    """The site has no verdict with this id."""


class UnreadableImport(Refusal):
    """A file that cannot be read, or not as a whole; nothing of it was imported."""


class UnknownImport(Refusal):
    """The site has no import from this source."""


class ImportConflict(Refusal):
    """An import conflicts with what is stored; nothing of it was imported."""


class ViewsNotCounted(Refusal):
    """The site does not count views."""


class MalformedWebhook(Refusal):
    """An address that alerts cannot be sent to."""


class MalformedSubscriber(Refusal):
    """An address that the digest cannot be sent to."""

    pointer = "#/address"


class UnknownSubscriber(Refusal):
    """The digest does not go to this address."""


class UnknownPerson(Refusal):
    """Nobody of this name has a session at the dashboard of the site."""


class ChangedMeanwhile(Refusal):
    """Somebody else changed the same thing since it was read; nothing was changed."""


class UnknownWebhook(Refusal):
    """The site has no webhook with this id."""


class MalformedPeriod(Refusal):
    """A period, a unit or a time zone that no report can be about."""

    pointer = "#/period"


class MalformedFilter(Refusal):
    """A filter that cannot match anything."""


class UnknownSort(Refusal):
    """Articles cannot be sorted by this."""

    pointer = "#/sort"


class MalformedCursor(Refusal):
    """A cursor that this service did not make, made for another list, or made too long ago."""

    pointer = "#/cursor"


class MalformedExport(Refusal):
    """An export, a format, a column or an option that does not exist."""


class TooManyExports(Refusal):
    """The key has as many exports running as the service allows."""

    retry_after_s = 30


class MigrationRefused(Refusal):
    """The tables cannot be migrated: they are newer than this version, or in use."""


class Unavailable(Refusal):
    """The database did not respond in time. The vote may be sent again with the same seq."""

    retry_after_s = 2


class Overloaded(Unavailable):
    """More ballots wait than the service can count in time."""

    retry_after_s = 1


class StorageFull(Refusal):
    """The disk is full: counts can be read, votes cannot be kept."""

    retry_after_s = 60
