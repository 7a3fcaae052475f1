"""`python -m randomchat`, the same as the command `randomchat`."""

from randomchat.cli import main

main()
