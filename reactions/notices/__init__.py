"""What the service sends: alerts with their webhooks and feed, and the daily digest.

Alerts: `rules` finds articles worth attention, `alerts` raises each once, `webhooks` says where messages go and signs them,
`outbox` delivers them, `feed` shows them as Atom. The digest: `digest` gathers and renders a day, `mail` sends it.
"""
