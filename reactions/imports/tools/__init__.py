"""The tools whose totals can be imported: the table of them all. docs/import.md says where the form of each is known from."""

from __future__ import annotations

from reactions.imports.tools import comments, documents, tables
from reactions.imports.tools.tool import Tool

TOOLS: tuple[Tool, ...] = (
    Tool(
        "varient",
        "{post_id}",
        "Import Varient's reactions. The file is the table `reactions` of Varient 2.x or 3.x, as CSV.",
        tables.read_varient,
        tables.same_keys,
    ),
    Tool(
        "waline",
        "{path}",
        "Import Waline's counters. The file is the table wl_Counter as CSV, or a JSON export. Map each place: --reaction 0=like.",
        comments.read_waline,
        comments.none_known,
    ),
    Tool(
        "open-heart",
        "{path}",
        "Import Open Heart counts. The file is a server's response of emoji and counts, or an object of them by address.",
        documents.read_open_heart,
        documents.same_emoji,
        about_one=True,
    ),
    Tool(
        "applause",
        "{path}",
        "Import applause-button's claps. Add --reaction claps=love, unless the site offers clapping hands.",
        documents.read_applause,
        documents.applause_reactions,
    ),
    Tool(
        "lyket",
        "{id}",
        "Import Lyket's likes and claps. The file is a response of its API, or a list of them.",
        documents.read_lyket,
        documents.lyket_reactions,
    ),
    Tool(
        "artalk",
        "{path}",
        "Import votes on Artalk's comments, by page. The file is an export in Artrans. Map vote_up and vote_down.",
        comments.read_artalk,
        comments.none_known,
        adds_up=True,
    ),
    Tool(
        "disqus",
        "{path}",
        "Import Disqus reactions. The file is a response of threadReactions/loadReactions, or an object of them by address.",
        comments.read_disqus,
        comments.disqus_reactions,
        about_one=True,
    ),
    Tool(
        "ulike",
        "{post_id}",
        "Import WP ULike's rows. The file is the table wp_ulike, as CSV.",
        tables.read_ulike,
        tables.same_keys,
        adds_up=True,
    ),
)
