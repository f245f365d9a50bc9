"""Reading what the publisher's own files say about articles: RSS, Atom, news sitemaps and CSV.

From the file to the database: `files` reads bytes with the parser of their format (`feeds`, `csv_files`) into entries, each with
its line; `checking` turns an entry into what it says of one article, or into a fault; `storing` writes what is new in one
transaction. What a file does not mention stays as it was.
"""
