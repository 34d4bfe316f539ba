"""The Compose project of a system, as `compose:` in `system.yaml` describes it."""

from __future__ import annotations

from pydantic import Field, model_validator

from deploy.endpoints import Frozen


class Compose(Frozen):
    """Which of a release's files make the project, and which of its services keep state.

    `stores` (databases, caches) run on while their own description stays the same; `services` are those of the
    release. Services of `once` are expected to end, with exit 0. The project's name is the environment's.
    """

    files: tuple[str, ...] = Field(("docker-compose.yaml",), min_length=1)  # relative to the release's folder
    env_file: str | None = None  # e.g. {shared}/.env
    stores: tuple[str, ...] = ()
    services: tuple[str, ...] = Field(min_length=1)
    once: tuple[str, ...] = ()
    wait: float = Field(300.0, gt=0)  # seconds until all of them must be ready
    on: str = "app"  # the role on whose first host Compose runs: the one with the Engine

    @model_validator(mode="after")
    def _kept_apart(self) -> Compose:
        if both := set(self.stores) & set(self.services):
            raise ValueError(f"both a store and a service: {', '.join(sorted(both))}")
        if strange := set(self.once) - set(self.services) - set(self.stores):
            raise ValueError(f"in `once`, and neither a store nor a service: {', '.join(sorted(strange))}")
        return self
