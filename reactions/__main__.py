"""`python -m reactions` is the `reactions` command."""

from reactions.commands import main

main()
