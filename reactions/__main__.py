"""`python -m reactions` is the `reactions` command."""

from reactions.web.commands import main

main()
