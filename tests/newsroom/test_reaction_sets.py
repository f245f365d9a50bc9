"""Reaction sets: what may be in one, how one changes, and that no change loses a reaction or its key."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactions import texts
from reactions.newsroom import reaction_sets
from reactions.newsroom.reaction_sets import MOST, Reaction, ReactionSet
from reactions.refusals import MalformedReactionSet, RetiredReaction, UnknownReaction
from tests import make
from tests.databases import PROJECT

LIKE = '[[reaction]]\nkey = "like"\nemoji = "👍"\nlabel = "Like"\n'


def fault_of(text: str) -> str:
    with pytest.raises(MalformedReactionSet) as refused:
        reaction_sets.from_toml(text)
    return refused.value.detail


def keys_of(reactions: ReactionSet) -> list[str]:
    return [f"{entry.key}{' (retired)' if entry.retired else ''}" for entry in reactions.entries]


def test_the_shipped_set_has_the_seven_in_order_each_in_twelve_languages() -> None:
    shipped = reaction_sets.from_toml((PROJECT / "config" / "reactions.toml").read_text(encoding="utf-8"))

    assert [(r.key, r.label_in("en"), r.emoji, r.mood) for r in shipped.offered] == [
        ("like", "Like", "👍", 1),
        ("dislike", "Dislike", "👎", -1),
        ("love", "Love", "❤️", 1),
        ("funny", "Funny", "😂", 1),
        ("angry", "Angry", "😠", -1),
        ("sad", "Sad", "😢", -1),
        ("wow", "Wow", "😮", 0),
    ]
    assert {tuple(r.labels) for r in shipped.entries} == {
        ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "uk", "ar")
    }


def test_a_label_without_languages_is_english() -> None:
    assert reaction_sets.from_toml(LIKE).entries == (Reaction("like", "👍", 0, {"en": "Like"}),)


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("zh", "赞"), ("zh-Hant", "讚"), ("zh-Hant-TW", "讚"), ("ZH_HANT_TW", "讚"), ("zh-Hans", "赞"), ("zh-CN", "赞"),
        ("fr", "first"), ("", "first"), ("z", "first"), ("zhx", "first"), ("-zh", "first"), ("zh" * 99, "first"),
    ],
)  # fmt: skip
def test_a_label_comes_in_the_nearest_language(language: str, label: str) -> None:
    reaction = Reaction("like", "👍", 0, {"sw": "first", "zh": "赞", "zh-Hant": "讚"})

    assert reaction.label_in(language) == label


def entry(**members: object) -> str:
    """A reaction with these members, as TOML."""
    given = {"key": "like", "emoji": "👍", "mood": 1, "label": "Like", **members}
    written = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in given.items() if value is not ...)
    return f"[[reaction]]\n{written}\n"


KEY = 'Reaction 1: key must be 1 to 32 of a-z, 0-9, _ and -, such as "like".'
LABEL = 'Reaction 1 (like): label must be a text, or texts by language: { en = "Like" }.'
EMOJI = "Reaction 1 (like): emoji must be one emoji."
MOOD = "Reaction 1 (like): mood must be -1, 0 or 1, and retired true or false."
FAULTS = {
    KEY: [
        entry(key=...), entry(key=""), entry(key="Like"), entry(key="-like"), entry(key="l" * 33), entry(key="li ke"),
        entry(key="like\n"), entry(key="gefällt"), entry(key=5), entry(key=["like"]),
    ],
    LABEL: [
        entry(label=...), entry(label=""), entry(label="  "), entry(label="l" * 61), entry(label="a\nb"), entry(label="a\tb"),
        entry(label="a\u2028b"), entry(label="a\u0000b"), entry(label="\u200b"), entry(label=5), entry(label=["Like"]),
        entry(label=True),
        entry(label=...) + "label = {}", entry(label=...) + "label = { en = 1 }",
        entry(label=...) + 'label = { english = "Like" }',
        entry(label=...) + 'label = { EN = "Like" }',
    ],
    EMOJI: [entry(emoji=...), entry(emoji=""), entry(emoji="👍" * 17), entry(emoji="\u0007"), entry(emoji=128077)],
    MOOD: [
        entry(mood=2), entry(mood=-2), entry(mood=0.0), entry(mood=1.0), entry(mood="1"), entry(mood=True), entry(mood=[1]),
        entry(retired=1), entry(retired="no"),
    ],
    "Reaction 1: use key, emoji, mood, label, retired, colour, icon; not 'color'.": [entry(color="red")],
    "Reaction 1: use key, emoji, mood, label, retired, colour, icon; not 'a', 'b'.": [entry(b=1, a=2)],
    "Reaction 1 must be a [[reaction]] table with key, emoji, mood and label.": ["reaction = [1]", 'reaction = ["like"]'],
    "At least one reaction must be offered.": ["reaction = []", entry(retired=True)],
    "A reaction set has [[reaction]] tables and nothing else.": [
        "", "reaction = 1", '[reaction]\nkey = "like"', f'name = "x"\n{LIKE}',
    ],
    "A key may appear only once; repeated: like, love.": [LIKE + entry(key="love") + LIKE + entry(key="love")],
    "A set has at most 24 reactions, retired ones included.": ["".join(entry(key=f"r{n}") for n in range(MOST + 1))],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_set_that_cannot_be_used_is_refused_with_the_entry_at_fault(fault: str) -> None:
    assert [fault_of(text) for text in FAULTS[fault]] == [fault] * len(FAULTS[fault])


def test_a_set_that_is_no_toml_is_refused_in_one_line() -> None:
    told = fault_of('[[reaction]]\nkey = "like')

    assert told.startswith("The reaction set is not TOML: ")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("emoji", "label"),
    [
        ("❤️", "J’adore\u00a0!"), ("👨‍👩‍👧‍👦", "خانواده‌ها"), ("🏳️‍🌈", "Stolz"), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", "England"), ("👍🏽", "Gefällt\u00admir"),
        ("1️⃣", "First"), ("ok", "a" * 60), ("\u202f!", "Ça\u202f!"),
    ],
)  # fmt: skip
def test_joined_emoji_and_labels_of_every_script_are_taken(emoji: str, label: str) -> None:
    found = reaction_sets.from_toml(entry(emoji=emoji, label=label))

    assert (found.entries[0].emoji, found.entries[0].labels) == (emoji, {"en": label})


def test_only_what_is_offered_can_be_chosen() -> None:
    reactions = make.reactions("like", "love", "sad").changed("love", retired=True)

    assert reactions.choose("like").key == "like"
    with pytest.raises(RetiredReaction, match=r"^love is no longer offered\. Choose one of: like, sad\.$"):
        reactions.choose("love")
    with pytest.raises(UnknownReaction, match=r"^This site has no such reaction\. It offers: like, sad\.$"):
        reactions.choose("wow")


def test_a_retired_reaction_leaves_the_row_and_comes_back_to_its_place() -> None:
    seven = make.reactions()

    retired = seven.changed("love", retired=True)
    revived = retired.changed("love", retired=False)

    assert retired.keys == ("like", "dislike", "funny", "angry", "sad", "wow")
    assert keys_of(retired) == ["like", "dislike", "love (retired)", "funny", "angry", "sad", "wow"]
    assert revived == seven


def test_the_last_reaction_on_offer_cannot_be_retired() -> None:
    with pytest.raises(MalformedReactionSet, match="At least one reaction must be offered"):
        make.reactions("like").changed("like", retired=True)


def test_a_label_is_changed_or_added_and_the_key_stays() -> None:
    changed = make.reactions("like").relabelled("like", "en", "Agree").relabelled("like", "sv", "Gilla")

    assert changed.keys == ("like",)
    assert (changed.entries[0].label_in("en"), changed.entries[0].label_in("sv"), changed.entries[0].label_in("de")) == (
        "Agree", "Gilla", "Gefällt mir",
    )  # fmt: skip


@pytest.mark.parametrize(("language", "label"), [("english", "x"), ("", "x"), ("en", ""), ("en", "a\nb"), ("en", "l" * 61)])
def test_a_label_that_cannot_be_shown_is_not_taken(language: str, label: str) -> None:
    with pytest.raises(
        MalformedReactionSet, match=r"^like: a label has 1 to 60 printable characters and a language such as en\.$"
    ):
        make.reactions("like").relabelled("like", language, label)


def test_reactions_are_put_first_in_the_order_given_and_the_others_follow() -> None:
    seven = make.reactions()

    assert seven.reordered(["wow", "love"]).keys == ("wow", "love", "like", "dislike", "funny", "angry", "sad")
    assert seven.reordered(["wow", "wow"]).keys == ("wow", "like", "dislike", "love", "funny", "angry", "sad")
    assert seven.reordered([]) == seven
    with pytest.raises(UnknownReaction, match=r"^This site has no reaction 'nope'\. It has: like, dislike,"):
        seven.reordered(["wow", "nope"])


def test_a_set_that_takes_anothers_place_keeps_what_it_lacks_retired() -> None:
    old = make.reactions("like", "love", "sad")

    new = old.replaced_by(make.reactions("wow", "like"))
    back = new.replaced_by(old)

    assert keys_of(new) == ["wow", "like", "love (retired)", "sad (retired)"]
    assert keys_of(back) == ["like", "love", "sad", "wow (retired)"]


def test_who_writes_a_set_without_colours_takes_none_away() -> None:
    old = make.reactions("like", "love").changed("like", colour="#1c6cb5").changed("love", colour="#bd2347")
    tables = [{"key": "like", "emoji": "👍", "label": "Like"}, {"key": "love", "emoji": "❤", "label": "Love", "colour": None}]

    new = old.replaced_by(reaction_sets.from_stored(tables))

    assert {entry.key: entry.colour for entry in new.entries} == {"like": "#1c6cb5", "love": None}
    assert [table.get("colour", "left out") for table in reaction_sets.stored(new)] == ["#1c6cb5", "left out"]
    assert reaction_sets.from_toml(reaction_sets.to_toml(old)) == old


def test_who_writes_a_set_without_icons_takes_none_away() -> None:
    old = make.reactions("like", "love").changed("like", icon="emoji").changed("love", icon="emoji")
    tables = [{"key": "like", "emoji": "👍", "label": "Like"}, {"key": "love", "emoji": "❤", "label": "Love", "icon": "face"}]

    new = old.replaced_by(reaction_sets.from_stored(tables))

    assert {entry.key: entry.icon for entry in new.entries} == {"like": "emoji", "love": None}
    assert [table.get("icon", "left out") for table in reaction_sets.stored(new)] == ["emoji", "left out"]
    assert reaction_sets.from_toml(reaction_sets.to_toml(old)) == old


def test_a_face_is_what_stands_where_nothing_is_said() -> None:
    plain = {"key": "like", "emoji": "👍", "label": "Like"}

    said, unsaid = (reaction_sets.from_stored([table]) for table in ({**plain, "icon": "face"}, plain))

    assert reaction_sets.stored(said) == reaction_sets.stored(unsaid)
    assert reaction_sets.to_toml(said) == reaction_sets.to_toml(unsaid)


@pytest.mark.parametrize("icon", ["Emoji", "", "svg", "/faces/like.svg", 1, True, []])
def test_what_is_no_icon_is_refused(icon: Any) -> None:
    with pytest.raises(MalformedReactionSet, match=r"^Reaction 1 \(like\): icon must be face"):
        reaction_sets.from_stored([{"key": "like", "emoji": "👍", "label": "Like", "icon": icon}])


@pytest.mark.parametrize(
    "colour", ["red", "#12345", "#1234567", "#12345g", "#１２３４５６", " #123456", "#123456\n", "url(#a)", 1, True, []]
)
def test_what_is_no_colour_is_refused(colour: Any) -> None:
    with pytest.raises(MalformedReactionSet, match=r"^Reaction 1 \(like\): colour must be # and six hexadecimal digits"):
        reaction_sets.from_stored([{"key": "like", "emoji": "👍", "label": "Like", "colour": colour}])


def test_two_reactions_on_offer_cannot_look_alike() -> None:
    one = make.reactions("like", "love").changed("like", colour="#1c6cb5")

    with pytest.raises(MalformedReactionSet, match=r"^Two reactions on offer cannot have one colour; repeated: #1c6cb5\.$"):
        one.changed("love", colour="#1c6cb5")
    assert one.changed("like", retired=True).changed("love", colour="#1c6cb5").keys == ("love",)


def test_a_section_offers_a_part_of_the_set_in_the_sets_order() -> None:
    seven = make.reactions()

    assert seven.limited_to(("wow", "like")).keys == ("like", "wow")
    assert seven.limited_to(("like", "gone")).keys == ("like",)
    assert seven.limited_to(("gone",)).keys == seven.keys
    assert seven.changed("like", retired=True).limited_to(("like", "wow")).keys == ("wow",)


# --- whatever set there is, it survives being written down and being changed ---
AWKWARD = " '\"\\#=[]{},.%~$\u200c\u200d\u00a0aZ9éßşж日本👍❤️🏳"
SHOWN = st.text(st.sampled_from(AWKWARD), min_size=1, max_size=16).filter(lambda text: not texts.is_blank(text))
LANGUAGES = st.sampled_from(["en", "de", "zh-Hant", "zh-Hans-CN", "fil", "sr-Latn"])
KEYS = st.sampled_from(["like", "0", "a_b-c", "x" * 32, "wow", "9-", "love"])
ENTRIES = st.builds(
    Reaction,
    key=KEYS,
    emoji=SHOWN,
    mood=st.sampled_from([-1, 0, 1]),
    labels=st.dictionaries(LANGUAGES, SHOWN, min_size=1, max_size=3),
    retired=st.booleans(),
    colour=st.none(),
    icon=st.sampled_from([None, "emoji"]),
)
SETS = (
    st.lists(ENTRIES, min_size=1, max_size=6, unique_by=lambda entry: entry.key)
    .filter(lambda entries: any(not entry.retired for entry in entries))
    .map(lambda entries: ReactionSet(tuple(entries)))
)


@settings(max_examples=60, deadline=None)
@given(SETS)
def test_a_set_survives_being_written_as_toml_and_as_json(reactions: ReactionSet) -> None:
    as_toml = reaction_sets.to_toml(reactions)
    as_json = json.dumps(reaction_sets.stored(reactions))

    assert reaction_sets.from_toml(as_toml) == reactions
    assert reaction_sets.from_stored(json.loads(as_json)) == reactions
    assert set(tomllib.loads(as_toml)) == {"reaction"}


@settings(max_examples=60, deadline=None)
@given(SETS, SETS)
def test_no_change_ever_loses_a_key(old: ReactionSet, new: ReactionSet) -> None:
    changed = old.replaced_by(new)

    assert {entry.key for entry in old.entries} | {entry.key for entry in new.entries} == {entry.key for entry in changed.entries}
    assert changed.keys == new.keys
    assert sorted(keys_of(changed.reordered(list(reversed(new.keys))))) == sorted(keys_of(changed))
