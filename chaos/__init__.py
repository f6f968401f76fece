"""Faults injected by a schedule while the pipeline runs, and an exact account of what became of every record."""
