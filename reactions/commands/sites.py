"""`reactions site` and `reactions set`: the sites, and the reactions that each offers.

The file is longer than others because a site and its set are shown by the same functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from reactions import languages
from reactions.commands import as_json, operator, print_json
from reactions.newsroom import api_keys, articles, reaction_sets, registering, sites
from reactions.newsroom.reaction_sets import Reaction, ReactionSet
from reactions.newsroom.sites import Site
from reactions.settings import shipped
from reactions.storage.engines import writing
from reactions.votes import removing
from reactions.votes.revising import Editor
from reactions.web import current, settings_api, widget

site = AppGroup("site", help="Add, list, show, change and remove sites.")
_LATEST_VOTE_S = 1.0  # what was accepted before is counted by then
reaction_set = AppGroup("set", help="Show and change a site's reaction set. No change loses a count.")


# The options that `add` and `set` share: the name, what `add` takes by default, the help.
_POLICIES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("--time-zone", "UTC", "Time zone of the days in reports, such as Europe/Berlin.", {}),
    ("--language", "en", "Language of the dashboard, the digest and the alerts.", {"type": click.Choice(languages.KNOWN)}),
    (
        "--article-policy",
        "open",
        "open: the first vote on an article registers it. known: only registered articles take votes.",
        {"type": click.Choice(sites.POLICIES)},
    ),
    ("--new-articles-per-day", "10000", "Articles that votes may register in a day.", {"type": int}),
    (
        "--article-pattern",
        "none",
        "Keys that need no daily quota, such as 'news/*'. Repeatable; replaces all; '' for none.",
        {"multiple": True},
    ),
    ("--close-after-days", "0", "Age at which articles close; 0: never.", {"type": int}),
    (
        "--keep-votes-days",
        "0",
        "Days without a vote after which `reactions retention` drops an article's votes; its counts stay. 0: never.",
        {"type": int},
    ),
    (
        "--count-views",
        "0",
        "Page views of which one tells which rows came into sight. 1: each, 10: one in ten, 0: none.",
        {"type": int},
    ),
    (
        "--forgotten-votes",
        "kept",
        "Votes of readers who want to be forgotten. kept: they still count, as nobody's. withdrawn: they are withdrawn.",
        {"type": click.Choice(sites.FORGOTTEN)},
    ),
    (
        "--reader-scope",
        "article",
        "article: a reader has a different pseudonym on each article. site: the same on all.",
        {"type": click.Choice(sites.SCOPES)},
    ),
)


def _policies(*, defaults: bool) -> Callable[[Any], Any]:
    """The shared options, with their defaults in the help or without."""

    def decorated(command: Any) -> Any:
        for name, default, help_, more in reversed(_POLICIES):
            shown = f"{help_}  [default: {default}]" if defaults else help_
            command = click.option(name, help=shown, **more)(command)
        return command

    return decorated


@site.command("add")
@click.argument("key")
@click.option("--name", required=True, help="The publication's name.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    help="Origin of pages that may vote, such as https://www.example.org. Repeatable.",
)
@click.option(
    "--reactions",
    type=click.Path(path_type=Path),
    help="TOML file with the reaction set.  [default: seven reactions in twelve languages]",
)
@_policies(defaults=True)
def add(key: str, name: str, origins: tuple[str, ...], reactions: Path | None, **policies: Any) -> None:
    """Add the site KEY.

    Prints the snippet to paste into its article pages.
    """
    given = _given(policies)
    with writing(current.engine()) as connection:
        sites.add(connection, key=key, name=name, origins=origins, reactions=read_set(reactions), **given)
        added = sites.get(connection, key)
    click.echo(f"Site {key} added. Paste this where the reactions should appear:\n\n{snippet(added)}")
    if "time_zone" not in given:
        click.echo(
            "\nReports count days in UTC. To count them where your readers live, before the first report: "
            f"reactions site set {key} --time-zone Europe/Berlin"
        )


@site.command("set")
@click.argument("key")
@click.option("--name", help="The publication's name.")
@click.option("--origin", "origins", multiple=True, help="Origin of pages that may vote; replaces all present ones. Repeatable.")
@click.option("--add-origin", "added", multiple=True, help="One more origin of pages that may vote. Repeatable.")
@click.option("--remove-origin", "removed", multiple=True, help="An origin whose pages may no longer vote. Repeatable.")
@_policies(defaults=False)
def change(key: str, origins: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...], **given: Any) -> None:
    """Change the name, origins, time zone or policies of the site KEY.

    Prints the site, then what has changed: the value before and the value now.
    """
    changes = _given(given)
    if not (changes or origins or added or removed):
        raise click.UsageError("Name at least one option to change; --help lists them.")
    if origins and (added or removed):
        raise click.UsageError("--origin names all origins. Use it alone, or --add-origin and --remove-origin.")
    with writing(current.engine()) as connection:
        before = sites.get_to_change(connection, key)
        if origins or added or removed:
            changes["origins"] = origins or _with_origins(before, added, removed)
        sites.change(connection, key, **changes)
        after = sites.get(connection, key)
    show_site(after)
    tell_changes(fields_of(before), fields_of(after))


def _with_origins(found: Site, added: tuple[str, ...], removed: tuple[str, ...]) -> list[str]:
    """The origins of a site with some more and without some. Raises UsageError or MalformedSite."""
    more, less = (frozenset(map(sites.origin_of, each)) for each in (added, removed))
    has = ", ".join(sorted(found.origins))
    if unknown := sorted(less - found.origins):
        raise click.UsageError(f"{found.key} has no origin {unknown[0]}. It has: {has}.")
    if not (left := (found.origins | more) - less):
        raise click.UsageError(f"{found.key} needs an origin. Add one with --add-origin, or name the new ones with --origin.")
    return sorted(left)


def tell_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Print what has changed of each field: what came to a list and what went from it, else the value before and now."""
    changed = {name: (before.get(name), after.get(name)) for name in {**before, **after} if before.get(name) != after.get(name)}
    click.echo("\nChanged:" if changed else "\nNothing has changed: so it was before.")
    for name, (was, is_) in changed.items():
        told = _moved(was or [], is_ or []) if isinstance(was or is_, list) else f"{was} -> {is_}"
        click.echo(f"  {name.strip()}: {told}")


def _moved(before: list[str], after: list[str]) -> str:
    """What came to a list and what went from it: "+ https://new.example  - https://old.example"."""
    came = [f"+ {each}" for each in after if each not in before]
    went = [f"- {each}" for each in before if each not in after]
    return "  ".join([*came, *went]) or f"{', '.join(before)} -> {', '.join(after)}"


def _given(policies: dict[str, Any]) -> dict[str, Any]:
    """The options that were used; on the command line, 0 days means never."""
    given = {option: value for option, value in policies.items() if value not in (None, ())}
    if "article_pattern" in given:
        given["article_patterns"] = [pattern for pattern in given.pop("article_pattern") if pattern]
    for days in ("close_after_days", "keep_votes_days"):
        if given.get(days) == 0:
            given[days] = None
    return given


@site.command("list")
@as_json
def list_all(*, as_json: bool) -> None:
    """List all sites."""
    with current.reading() as connection:
        known = sites.all_sites(connection)
    if as_json:
        print_json({"sites": [settings_api.shown_site(entry) for entry in known]})
        return
    for entry in known:
        click.echo(f"{entry.key:24} {entry.name}  ({', '.join(sorted(entry.origins))})")
    if not known:
        click.echo("none yet")


@site.command("show")
@click.argument("key")
@as_json
def show(key: str, *, as_json: bool) -> None:
    """Show the site KEY and its snippet."""
    with current.reading() as connection:
        found = sites.get(connection, key)
    if as_json:
        print_json({**settings_api.shown_site(found), "snippet": snippet(found)})
        return
    show_site(found)
    click.echo(f"\n{snippet(found)}")


@site.command("remove")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do it. Without it, the command only says what it would delete.")
def remove(key: str, *, yes: bool) -> None:
    """Delete the site KEY with everything it has, for good.

    Its keys end and nothing new is registered from the first moment. Its articles go in small steps, so that votes for other
    sites do not wait. A removal that was cut short is finished by running it again.
    """
    with current.reading() as connection:
        found = sites.get(connection, key)
        count = sum(1 for _ in articles.ids_in(connection, found))
        keys = sum(1 for each in api_keys.all_of(connection, found) if each.revoked_at is None)
    what = f"{found.name} ({key}), its {count:,} articles with every vote, its {keys:,} API keys, alerts and imports"
    if not yes:
        raise click.UsageError(f"This would delete {what}. It cannot be undone. Give --yes to do it.")
    parts = current.parts()
    editor = Editor(current.engine(), parts.ballot_box, found, by=operator(), now_ms=current.now_ms())
    removed = removing.remove_site(editor, wait=lambda: time.sleep(parts.settings.site_memory_s + _LATEST_VOTE_S))
    click.echo(f"{key} is removed, with {removed:,} articles.")


@site.command("signing-key")
@click.argument("key")
def signing_key(key: str) -> None:
    """Print the key with which the publisher signs article keys."""
    with current.reading() as connection:
        found = sites.get(connection, key)
    click.echo(registering.signing_key(current.parts().hot_path.article_signing_keys[0], found.key))


def show_site(found: Site) -> None:
    """Print the fields of a site."""
    for name, value in fields_of(found).items():
        click.echo(f"{name:14}{(', '.join(value) or 'none') if isinstance(value, list) else value}")


def fields_of(found: Site) -> dict[str, str | list[str]]:
    """What is printed of a site; lists as lists."""
    lines: dict[str, str | list[str]] = {
        "key": found.key,
        "name": found.name,
        "origins": sorted(found.origins),
        "time zone": _time_zone(found),
        "language": f"{found.language} ({languages.own_name(found.language)})",
        "articles": f"{found.article_policy}, at most {found.new_articles_per_day:,} new ones a day",
        "patterns": list(found.article_patterns),
        "forgotten": f"votes are {found.forgotten_votes}",
        "closing": f"after {found.close_after_days} days" if found.close_after_days else "never",
        "votes": f"dropped {found.keep_votes_days} days after the last one" if found.keep_votes_days else "kept for ever",
        "views": ("one in " + f"{found.count_views:,}" if found.count_views > 1 else "each")
        if found.count_views
        else "not counted",
        "reader scope": found.reader_scope,
        "reactions": [f"{r.emoji} {r.key}" for r in found.reactions.offered],
        "retired": [r.key for r in found.reactions.entries if r.retired],
    }
    return lines | {f"  in {section}": list(chosen) for section, chosen in sorted(found.section_reactions.items())}


def _time_zone(found: Site) -> str:
    if found.vanished_time_zone is None:
        return found.time_zone
    return f"{found.time_zone}, because this machine no longer knows {found.vanished_time_zone}"


def snippet(found: Site) -> str:
    """The HTML that a publisher pastes: the script once, and the element under each article."""
    address = current.parts().settings.address
    return (
        f'<script async src="{address}/widget/v1.js"></script>\n'
        f'<reader-reactions site="{found.key}" article="/PATH/OF/THE/ARTICLE"></reader-reactions>\n\n'
        "To pin the script, use this line instead:\n\n"
        f'<script async src="{address}/widget/{widget.version()}.js" integrity="{widget.integrity()}" '
        'crossorigin="anonymous"></script>'
    )


def read_set(path: Path | None) -> reaction_sets.ReactionSet:
    """The reaction set in a file; without a file, the one that the product ships."""
    chosen = path or shipped("config") / "reactions.toml"
    try:
        return reaction_sets.from_toml(chosen.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{chosen} cannot be read: {error}.") from None


@reaction_set.command("show")
@click.argument("site")
@as_json
def show_set(site: str, *, as_json: bool) -> None:
    """Print the set as TOML, to edit and apply."""
    with current.reading() as connection:
        found = sites.get(connection, site)
    if as_json:
        print_json(settings_api.shown_set(found))
    else:
        click.echo(reaction_sets.to_toml(found.reactions), nl=False)


@reaction_set.command("apply")
@click.argument("site")
@click.argument("file", type=click.Path(path_type=Path))
def apply_set(site: str, file: Path) -> None:
    """Replace the set with that of a TOML file. Reactions missing from the file are retired."""
    new = read_set(file)
    _change_set(site, lambda old: old.replaced_by(new))


@reaction_set.command("rename")
@click.argument("site")
@click.argument("reaction")
@click.argument("label")
@click.option("--lang", default="en", show_default=True, help="Language of the label.")
def rename(site: str, reaction: str, label: str, lang: str) -> None:
    """Change the label of a reaction. Its key and its counts stay."""
    _change_set(site, lambda old: old.relabelled(reaction, lang, label))


@reaction_set.command("order")
@click.argument("site")
@click.argument("reactions", nargs=-1, required=True)
def order(site: str, reactions: tuple[str, ...]) -> None:
    """Put these reactions first, in this order."""
    _change_set(site, lambda old: old.reordered(reactions))


@reaction_set.command("retire")
@click.argument("site")
@click.argument("reaction")
def retire(site: str, reaction: str) -> None:
    """Stop offering a reaction. Its counts are kept."""
    _change_set(site, lambda old: old.changed(reaction, retired=True))


@reaction_set.command("revive")
@click.argument("site")
@click.argument("reaction")
def revive(site: str, reaction: str) -> None:
    """Offer a retired reaction again, with the counts it had."""
    _change_set(site, lambda old: old.changed(reaction, retired=False))


@reaction_set.command("section")
@click.argument("site")
@click.argument("section")
@click.argument("reactions", nargs=-1)
def section_set(site: str, section: str, reactions: tuple[str, ...]) -> None:
    """Offer only some reactions in a section.

    Without REACTIONS, all are offered again.
    """
    with writing(current.engine()) as connection:
        before = found = sites.get_to_change(connection, site)
        chosen = {name: list(keys) for name, keys in found.section_reactions.items() if name != section}
        if reactions:
            chosen[section] = [found.reactions.get(key).key for key in reactions]
        sites.change(connection, site, section_reactions=chosen)
        after = sites.get(connection, site)
    click.echo(f"{section} offers: {', '.join(_offers(after.offered_in(section)))}")
    tell_changes({section: _offers(before.offered_in(section))}, {section: _offers(after.offered_in(section))})


def _change_set(site: str, change: Callable[[ReactionSet], ReactionSet]) -> None:
    with writing(current.engine()) as connection:
        old = sites.get_to_change(connection, site).reactions
        new = change(old)
        sites.change(connection, site, reactions=new)
    click.echo(f"{site} offers: {', '.join(_offers(new))}")
    tell_changes(_fields_of_set(old), _fields_of_set(new))


def _offers(chosen: ReactionSet) -> list[str]:
    return [f"{reaction.emoji} {reaction.key}" for reaction in chosen.offered]


def _fields_of_set(chosen: ReactionSet) -> dict[str, Any]:
    """What is told of a set when it changes: what it offers, what is retired, and how each reaction is."""
    each = {
        entry.key: [entry.emoji, f"mood {entry.mood:+d}", *filter(None, (entry.icon, entry.colour)), *_labels(entry)]
        for entry in chosen.entries
    }
    return {"offered": _offers(chosen), "retired": [entry.key for entry in chosen.entries if entry.retired], **each}


def _labels(entry: Reaction) -> list[str]:
    return [f"{label!r} ({tag})" for tag, label in entry.labels.items()]
