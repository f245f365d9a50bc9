"""Totals that other tools counted, on their way into a site. Articles from feeds are in `importing`.

From the file to the database: `opening` yields its lines; `tables`, `sql_dumps` and `documents` read rows from them, and the
module of each tool in `tools` knows what its rows mean; `checking` turns a row into amounts of one article, or a fault; `staging`
gathers them on disk, so that memory stays flat; `planning` compares with what the source has brought before; the ballot box
writes the difference in one transaction.
"""
