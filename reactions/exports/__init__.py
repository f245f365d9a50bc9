"""Exports: whole files for analysts, which equal the screen and can be imported again.

    columns        what the files hold; everything that describes them follows from it
    scope          what an export covers: its snapshot, articles and hours, and where the next one continues
    pages          the articles of a site, page by page, in the order of every export
    articles       their rows: what the newsroom says of each, what readers gave it, how often it was seen;
                   article_numbers has what readers gave: counts, shares, moves, mood and split, held votes
    changes        the changes of votes: summed up by hour (series), and one by one (votes)
    small_groups   hiding counts of so few readers that they could be identified
    formats        text that is safe in a cell, and CSV; columnar has Parquet and Arrow
    files          one file with its checksum; files in a folder or an archive, and their description

The one thing to know: all files of one export are read in one snapshot of the database.
"""
