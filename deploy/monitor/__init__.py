"""The days after: the items of the phase `monitor` asked again and again, and people told when one changes.

Where a team has Prometheus, `metrics` and `rules` make it the engine; the loop here is for those who have none.
"""
