"""Everything that comes in: descriptions of articles, totals of other tools, our own exports.

    sources         opening a file; the one reader of CSV, and of JSON
    feeds           RSS, Atom and news sitemaps
    article_files   a file of articles, read and checked as a whole
    descriptions    storing what it says
    tools/          other tools, and what their files mean
    totals          their totals, checked, staged, and compared with what came before
    views           views by article and day of tools that count pages, by the same road
    own_exports     our own exports on their way back
    record          which source has brought what, from which file, by whom and when
    apply           the transactions: apply_import, remove_import, restore_export

The one thing to know: a file is read to its end before anything of it is written, and written in one transaction.
"""
