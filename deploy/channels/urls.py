"""Database URLs: as applications write them, and as libpq and its programs take them."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from deploy.errors import ConfigError
from deploy.secret import Secret, mask

FIX = "Write it as postgresql://user:password@host:port/name, special characters quoted as %XX."

# What libpq may find in the query of a URL, and the variable that says the same to pg_dump and its kin. Anything else
# there belongs to the application's own driver (Prisma's `schema`, `connection_limit`), and libpq would refuse it.
VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "application_name": "PGAPPNAME",
    "options": "PGOPTIONS",
    "hostaddr": "PGHOSTADDR",
    "host": "PGHOST",
    "port": "PGPORT",
}


def dbname(url: Secret) -> str:
    """The name of the database that a URL leads to; ConfigError when it names none."""
    name = unquote(_split(url).path.lstrip("/"))
    if not name:
        raise ConfigError("a database URL names no database", fix=FIX)
    return name


def with_dbname(url: Secret, name: str) -> Secret:
    """The same URL for another database of the same server."""
    return _joined(_split(url)._replace(path="/" + quote(name, safe="")))


PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


def address(url: Secret) -> tuple[str, int]:
    """Host and port that any of our URLs leads to."""
    parts = urlsplit(url.reveal())
    return parts.hostname or "127.0.0.1", parts.port or PORTS.get(parts.scheme, 5432)


def through(url: Secret, host: str, port: int) -> Secret:
    """The same URL by way of a forwarded port. PostgreSQL keeps its host's name, which its certificate bears."""
    parts = urlsplit(url.reveal())
    user, at, _ = parts.netloc.rpartition("@")
    if parts.scheme.startswith("postgres"):
        query = urlencode([*parse_qsl(parts.query), ("hostaddr", host)], quote_via=quote)
        return _joined(parts._replace(netloc=f"{user}{at}{_bracketed(parts.hostname or host)}:{port}", query=query))
    return _joined(parts._replace(netloc=f"{user}{at}{_bracketed(host)}:{port}"))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def for_libpq(url: Secret) -> Secret:
    """The URL without what only the application's driver understands."""
    parts = _split(url)
    known = [(key, value) for key, value in parse_qsl(parts.query) if key in VARIABLES]
    query = urlencode(known, quote_via=quote)
    return _joined(parts._replace(scheme="postgresql", query=query))


def variables(url: Secret) -> tuple[dict[str, str], dict[str, Secret]]:
    """The URL as environment variables of libpq: open ones, and the password where it has one."""
    parts = _split(url)
    named = {
        "PGHOST": unquote(parts.hostname or ""),
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGDATABASE": dbname(url),
        **{VARIABLES[key]: value for key, value in parse_qsl(parts.query) if key in VARIABLES},
    }
    secrets = {"PGPASSWORD": Secret(unquote(parts.password))} if parts.password else {}
    return {name: value for name, value in named.items() if value}, secrets


def _joined(parts: SplitResult) -> Secret:
    query = f"?{parts.query}" if parts.query else ""
    return Secret(f"{parts.scheme}://{parts.netloc}{parts.path}{query}")


def _split(url: Secret) -> SplitResult:
    try:
        parts = urlsplit(url.reveal())
        parts.port  # noqa: B018 - raises for what is not a number
    except ValueError as error:
        raise ConfigError(f"a database URL cannot be read: {mask(str(error))}", fix=FIX) from None
    if not re.fullmatch(r"postgres(ql)?(\+\w+)?", parts.scheme):
        raise ConfigError("a database URL is not one of PostgreSQL", fix=FIX)
    return parts
