"""What editors own: sites, articles, reaction sets and API keys."""
