"""What the toolkit costs, measured beside the same work done bare, pair by pair."""
