"""The page on this machine: over the deployed database by a command, and beside the demo as a child process."""
