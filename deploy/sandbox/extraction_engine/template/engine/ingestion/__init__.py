"""Fetches items from the sources and records them as raw ingestions."""
