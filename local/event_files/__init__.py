"""Reading of event files: JSON Lines, JSON arrays, CSV, TSV and Parquet, plain or compressed, in bounded memory."""
