"""Everything that comes in: descriptions of articles, totals of other tools, our own exports, and the record of what came."""
