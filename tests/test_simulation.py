from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import ConfigError
from deploy.simulation import refuse_elsewhere


def place(system: str, *, sandbox: bool) -> Any:
    return SimpleNamespace(
        system=SimpleNamespace(name=system), environment=SimpleNamespace(name="prod", sandbox=sandbox)
    )


def test_only_a_sandbox_of_the_engine_has_a_past_that_is_made_up() -> None:
    refuse_elsewhere(place("extraction_engine", sandbox=True))
    for other in (place("extraction_engine", sandbox=False), place("tiki_pipeline", sandbox=True)):
        with pytest.raises(ConfigError, match="is no sandbox of the engine"):
            refuse_elsewhere(other)
