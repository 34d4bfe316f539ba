"""The practice engine: a small, real extraction engine with a history to deploy, and the servers it talks to."""
