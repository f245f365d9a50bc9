"""What the service sends: alerts with their webhooks and feed, and the daily digest.

Alerts: `rules` finds articles worth attention, `alerts` raises each once, `webhooks` says where messages go and signs them,
`messages` writes them in their receiver's form, `outbox` delivers them, `feed` shows alerts as Atom. The digest: `digest` gathers
and renders a day, `mail` sends it.
"""
