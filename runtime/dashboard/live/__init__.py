"""The live page: one poller reads what is new for all viewers, and stops when nobody looks."""
