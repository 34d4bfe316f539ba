"""What connections share is not changed by making them: many threads do so at the same time."""

from __future__ import annotations

from deploy.channels import bare


def test_connections_leave_their_settings_as_they_are() -> None:
    settings = bare.settings()
    one, other = (
        bare.BareConnection(
            name, user="u", port=22, config=settings, gateway=False, connect_kwargs={"key_filename": [name]}
        )
        for name in ("one", "other")
    )
    assert (settings._modifications, settings.connect_kwargs) == ({}, {})
    assert (one.connect_kwargs, other.connect_kwargs) == ({"key_filename": ["one"]}, {"key_filename": ["other"]})
