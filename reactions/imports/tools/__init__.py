"""The tools whose totals can be imported, a module each: what its files look like, and what they mean.

A module has `NAME`, `KEY` (how an article's key is made, unless the operator says otherwise), `read` and `reactions`.
docs/import.md says for each where its form is known from.
"""
