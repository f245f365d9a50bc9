"""Reader Reactions: exact, private reaction counts for articles.

The map, from the question to the disk:

    app                   wires everything; read it first
    web/                  what knows Flask: routes, limits, problems, commands
    voting                the rules: a request becomes a ballot, or a refusal
    ballot_box            collects concurrent ballots and counts each batch in one transaction
    counting, bringing    that transaction, and that of an import
    articles, sites,      what is voted on, where, and with which reactions
    reaction_sets
    catalogue, revising,  what the newsroom says of articles and does to them, and the keys it does it with
    keys
    tallies, ledger,      the numbers shown, the list of changes they can be recounted from, and what other tools counted
    imports
    integrity             the recount
    reports/              what editors read: mood, split, trending, surprise, all from tallies and the hourly series
    exports/              files for analysts: articles, hours and changes of votes, whole and documented
    digest/, alerts/,     the morning's mail, and what deserves attention
    importing/, incoming/ articles read from feeds; totals read from other tools' files, and our own exports
    readers               pseudonyms and network prefixes: who is who without knowing who
    models, statements,   tables; the write path's statements; the two engines and what their failures mean; migrations;
    engines, outages,
    migrating,
    refusals, settings    the ways to say no; everything an operator can choose

The one thing to know: every change of a vote goes through `ballot_box`.
"""

__version__ = "0.1.0"
