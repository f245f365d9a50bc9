"""What goes out by itself: alerts and their webhooks, the digest, the feed."""
