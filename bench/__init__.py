"""How fast it is, beside what the same server could do at best, in one run: `python -m bench`. README.md has the figures.

Reading order: `cases` (what is compared), `rounds` (how), `servers` and `load` (the two sides), `peers/` (the others).
"""
