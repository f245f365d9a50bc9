"""Where votes are kept: tables, engines, statements, what failures mean, migrations."""
