"""The hosts of an environment: from its description, an inventory file beside it, narrowed by what was asked for."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from deploy import yamlfile
from deploy.errors import ConfigError, nearest
from deploy.reach import CONTROL
from deploy.system import Environment, hosts_in


def with_inventory(environment: Environment, project: Path) -> Environment:
    """The environment with the hosts of its inventory file: a YAML mapping of roles to hosts; the file's word counts.

    The file is relative to the project's folder. ConfigError names its line.
    """
    if not environment.inventory:
        return environment
    path = project / environment.inventory
    if not path.is_file():
        raise ConfigError(
            "there is no such inventory", where=str(path), fix="Write roles and their hosts: `app: [deploy@10.0.0.5]`."
        )
    document = yamlfile.mapping(yamlfile.load(path))
    hosts = dict(environment.hosts)
    for role, named in document.data.items():
        try:
            hosts[str(role)] = hosts_in(named)
        except ValueError as error:
            raise ConfigError(f"{role}: {error}", where=document.where((role,)), fix="app: [one, two]") from None
    return environment.model_copy(update={"hosts": hosts})


def narrowed(environment: Environment, hosts: str | None, limit: str | None) -> Environment:
    """Only some of the hosts: `hosts` names them, `limit` gives roles or patterns; both are lists with commas.

    The control host stays what it is. ConfigError for a host or pattern that is nowhere, with the nearest one.
    """
    if not hosts and not limit:
        return environment
    known = list(dict.fromkeys(host for role in environment.hosts.values() for host in role))
    wanted = _named(known, hosts) & _matching(environment, known, limit)
    if not wanted:
        raise ConfigError("no host is left", where="--limit", fix=f"There are: {', '.join(known) or 'none'}")
    control = environment.hosts.get(CONTROL) or tuple(known[:1])
    kept = {role: tuple(host for host in all_ if host in wanted) for role, all_ in environment.hosts.items()}
    return environment.model_copy(update={"hosts": {**kept, CONTROL: control}})


def _named(known: Sequence[str], hosts: str | None) -> set[str]:
    if not hosts:
        return set(known)
    names = hosts_in(hosts)
    for name in names:
        if name not in known:
            raise ConfigError(f"{name!r} is no host of this environment", where="--hosts", fix=nearest(name, known))
    return set(names)


def _matching(environment: Environment, known: Sequence[str], limit: str | None) -> set[str]:
    if not limit:
        return set(known)
    found: set[str] = set()
    for word in hosts_in(limit):
        hosts = environment.hosts.get(word) or [host for host in known if fnmatch.fnmatchcase(host, word)]
        if not hosts:
            choices = [*environment.hosts, *known]
            raise ConfigError(f"{word!r} is no role and no host", where="--limit", fix=nearest(word, choices))
        found |= set(hosts)
    return found
