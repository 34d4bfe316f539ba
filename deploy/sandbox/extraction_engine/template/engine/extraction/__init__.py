"""Turns raw ingestions into structured listings."""
