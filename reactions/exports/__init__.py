"""Exports: whole files for analysts, that equal the screen and can be imported again.

    columns               what the files hold; everything that describes them follows from it
    cells                 text in a CSV, safe and reversible

The one thing to know: all files of one export are read in one snapshot of the database.
"""
