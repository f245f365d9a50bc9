"""Exports: whole files for analysts, that equal the screen and can be imported again.

    columns               what the files hold; everything that describes them follows from it
    choosing, scope       what an export is asked for, and the snapshot, the articles and the hours that it reads
    cursors               where the next export goes on
    articles, series,     the rows of the three files, column by column
    votes, pages
    small_groups          hiding what so few did that they could be known
    cells, csv_files,     text that is safe in a cell and can be had back; how files are written
    arrow_files, sinks
    files, folders,       one file with its checksum; files in a folder, or in one archive;
    bundles, packages     their description, datapackage.json
    describing            docs/exports.md

The one thing to know: all files of one export are read in one snapshot of the database.
"""
