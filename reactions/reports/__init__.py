"""Reports: what the newsroom wants to know of its articles. They read articles, tallies and the hourly series, nothing else.

    newsroom              where reports are asked for: opens a reading, keeps what may be kept
    dashboard, listing,   the reports, each a frozen dataclass with the members of its JSON
    article, series
    rows, ranking         an article in a list, and what lists are sorted by
    norms, peers          what is usual for the site, an age, a desk
    metrics               the formulas; docs/metrics.md tells them in words
    periods, filters      what a report is about
    cursors, memory       how lists go on, and how closed hours are remembered
    figures, cards        the SQL

The one thing to know: an hour of the hourly series belongs to the bucket in which it begins.
"""
