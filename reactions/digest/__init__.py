"""The morning digest: what moved a site's readers on one day, as text for terminals and as a mail.

`gathering` reads the figures through `reports`, so that they are those of the dashboard; `rendering` writes them down, and
`mailing` sends them.
"""
