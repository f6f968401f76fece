"""The command check: reads event files as the job would, and tells what would become of each event."""
