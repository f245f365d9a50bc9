"""Reader Reactions: exact, private reaction counts for articles.

The map, from the top floor down; an import only points down:

    commands/   the command line, `reactions …`
    app         wires everything; read it first
    web/        everything that knows HTTP: routes, limits, problems, the dashboard's pages
    notices/    what the service sends: alerts, webhooks, the digest, the feed
    demo/       the invented newspaper of `make demo`
    imports/    what comes in: descriptions of articles, totals of other tools, our own exports
    exports/    whole files for analysts
    reports/    what the numbers mean: periods, norms, lists, one article, the dashboard
    votes/      THE SUBJECT: rules, the ballot box, counting, tallies, the ledger, readers, the recount
    newsroom/   what editors own: sites, articles, reaction sets, API keys
    storage/    tables, engines, statements, what failures mean, migrations
    settings, notations, refusals, times, strict_json   what an operator can choose and how it is written, the ways the service
                says no, moments, JSON

The one thing to know: every change of a vote goes through `votes.ballot_box`.
"""

__version__ = "0.1.0"
