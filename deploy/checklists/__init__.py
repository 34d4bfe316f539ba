"""Checklists: read, bound to probes, waived, signed, and written back ticked."""
