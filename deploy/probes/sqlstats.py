"""What a PostgreSQL server tells of its own work: its cache, its connections."""

from __future__ import annotations

from typing import ClassVar

from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, number
from deploy.question import Rows, Sql
from deploy.result import Verdict, unknown
from deploy.scope import Scope

CACHE = """
select round(100.0 * sum(heap_blks_hit) / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0), 1),
       sum(heap_blks_hit) + sum(heap_blks_read)
from pg_statio_user_tables"""

CONNECTIONS = """
select count(*), current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
from pg_stat_activity where backend_type = 'client backend'"""


class CacheHit(Bounded, Probe):
    """Enough of the table blocks that were read came from memory, in per cent; without any, it is unknown."""

    name: ClassVar[str] = "sql.cache_hit"
    example: ClassVar[str] = "database: app\nabove: 90\nblocks: 1000"
    database: str = "app"
    blocks: int = 1

    def ask(self, scope: Scope) -> Sql:
        return Sql(self.database, (CACHE,))

    def judge(self, rows: Rows) -> Verdict:
        ((ratio, blocks),) = rows.sets[0]
        if ratio is None or number(blocks) < self.blocks:
            return unknown(self.text(" %"), f"{blocks or 0} of at least {self.blocks} blocks were read")
        return self.verdict(ratio, " %", f"{blocks} blocks")


class Connections(Bounded, Probe):
    """The server has connections left: those in use, in per cent of those that ordinary users may have."""

    name: ClassVar[str] = "sql.connections"
    example: ClassVar[str] = "database: app\nbelow: 80"
    database: str = "app"

    def ask(self, scope: Scope) -> Sql:
        return Sql(self.database, (CONNECTIONS,))

    def judge(self, rows: Rows) -> Verdict:
        ((used, most),) = rows.sets[0]
        share = 100 * number(used) / number(most)
        return self.verdict(round(share, 1), " %", f"{used} of {most} connections")
