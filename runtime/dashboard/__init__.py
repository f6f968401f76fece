"""The page: what happens now, and what it means. Reads the database as the analyst, and serves 127.0.0.1 only."""
