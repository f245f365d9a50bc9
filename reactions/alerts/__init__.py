"""Alerts: what deserves an editor's attention while it happens, and word of it to whoever asked.

`watching` puts the figures of `reports` to the `rules`; `raising` keeps each alert from being raised twice and leaves messages in
the `outbox`, which delivers them to `webhooks`, signed (`signing`), to addresses that may be visited (`targets`, `posting`).
`feed` is for those who ask instead.
"""
