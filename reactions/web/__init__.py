"""Everything that knows Flask: it reads requests, calls one function of the domain, and answers. No SQL is written here."""
