"""Reports: what the newsroom wants to know of its articles. They read articles, tallies and the hourly series, nothing else.

    reporting            the entry: opens a reading, and remembers what closed hours say
    dashboard, article,  the reports, each a frozen dataclass with the members of its JSON
    listings
    cursors              where the next page of a list begins
    query                the parameters of a report (days, filters), and the reading that answers it
    memory               what a process remembers, and moves on as hours close
    norms                what is usual for the site and for an article's age, and an article's peers
    words                numbers and comparisons in words, for pages and mails
    figures              the SQL: sums by article, hour and reaction
    rows                 the rows that these are made of: the hourly series and its rollups
    periods, metrics     days and hours of a time zone; the formulas, which docs/metrics.md explains

The one thing to know: an hour of the hourly series belongs to the bucket in which it begins.
"""
