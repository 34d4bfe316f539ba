"""Edinburgh sports venues: ingested from public sources, extracted, merged into listings."""
