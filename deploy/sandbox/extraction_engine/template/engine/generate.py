"""`python -m engine.generate`: writes engine/generated_client.py, what the code may assume about the database.

It holds the models and fields of engine/schema.prisma and the schema's sha256, so that a stale client can be found.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

SCHEMA = Path(__file__).parent / "schema.prisma"
CLIENT = Path(__file__).parent / "generated_client.py"
SCALARS = {"String", "Int", "Float", "Boolean", "DateTime"}


def models(schema: str) -> dict[str, list[str]]:
    """Each model's columns in the order of the schema; relations are no columns."""
    found = {}
    for name, body in re.findall(r"^model (\w+) \{\n(.*?)^\}", schema, re.MULTILINE | re.DOTALL):
        fields = re.findall(r"^  (\w+)\s+(\w+)", body, re.MULTILINE)
        found[name] = [field for field, kind in fields if kind in SCALARS]
    return found


def render(schema: str) -> str:
    """The client module's text; the same schema gives the same text."""
    lines = ['"""Generated from engine/schema.prisma by `python -m engine.generate`; do not edit."""', ""]
    lines += [f'SCHEMA_SHA256 = "{hashlib.sha256(schema.encode()).hexdigest()}"', "MODELS = {"]
    for name, fields in models(schema).items():
        lines += [f'    "{name}": (', *(f'        "{field}",' for field in fields), "    ),"]
    return "\n".join([*lines, "}", ""])


def main() -> int:
    schema = SCHEMA.read_text(encoding="utf-8")
    CLIENT.write_text(render(schema), encoding="utf-8")
    print(f"Generated {CLIENT.name} with {len(models(schema))} models")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
