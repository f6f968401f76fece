"""Fault injection by a schedule while the pipeline runs, and a check that every record is stored exactly once."""
