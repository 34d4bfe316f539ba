"""Backups that count: dumped with a manifest, proven by a restore, kept by a policy, swapped in by rename."""
