"""What can be read of a Compose project, as plain data: its services, their use of the machine, their log lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from deploy.channels.docker_api import Engine, Gone, Refused, collect, demultiplex, json_lines, pieces_of

LABEL = "com.docker.compose."
SERVICE, NUMBER, PROJECT, ONE_OFF = (LABEL + name for name in ("service", "container-number", "project", "oneoff"))
RUNNING = "running"
LINES = 200  # log lines given of each container
HEALTH_TEXT = 500  # characters of the last health check
EXEC_BYTES = 1_000_000
Options = Mapping[str, Any]
T = TypeVar("T")
U = TypeVar("U")


def engine(engine: Engine, project: str, options: Options) -> dict[str, Any]:
    """Version and API, memory (bytes) and CPUs of its machine, its root folder, cgroup version and logging driver."""
    told, info = engine.negotiate(), engine.get("/info")
    wanted = ("MemTotal", "NCPU", "DockerRootDir", "CgroupVersion", "LoggingDriver", "OperatingSystem", "Warnings")
    return {"Version": told["Version"], "ApiVersion": told["ApiVersion"], **{key: info.get(key) for key in wanted}}


def services(engine: Engine, project: str, options: Options) -> list[dict[str, Any]]:
    """Every container of the project's services, running or not, in order: one-off runs are left out."""
    engine.negotiate()
    found = _each(lambda one: _inspected(engine, one), _containers(engine, project, options))
    images = {name: _image_id(engine, name) for name in {one["image"] for one in found if one}}
    return [{**one, "image_current": one["image_id"] == images[one["image"]]} for one in found if one]


def _containers(engine: Engine, project: str, options: Options, state: str = "") -> list[dict[str, Any]]:
    filters = {"label": [f"{PROJECT}={project}"], **({"status": [state]} if state else {})}
    found = engine.get("/containers/json", all="1", filters=json.dumps(filters))
    wanted = set(options.get("services") or ())
    mine = [one for one in found if one["Labels"].get(ONE_OFF, "False").lower() != "true" and SERVICE in one["Labels"]]
    mine = [one for one in mine if not wanted or one["Labels"][SERVICE] in wanted]
    return sorted(mine, key=lambda one: (one["Labels"][SERVICE], _number(one)))


def _number(container: Mapping[str, Any]) -> int:
    return int(container["Labels"].get(NUMBER, "1"))


def _each(work: Callable[[T], U], things: Iterable[T]) -> list[U]:
    """The work done for all things at the same time: the Engine takes a second or two for some answers."""
    all_things = list(things)
    with ThreadPoolExecutor(len(all_things) or 1) as pool:
        return list(pool.map(work, all_things))


def _inspected(engine: Engine, container: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        told = engine.get(f"/containers/{container['Id']}/json")
    except Gone:
        return None  # removed between the two questions
    state, host, labels = told["State"], told["HostConfig"], told["Config"]["Labels"] or {}
    return {
        "service": labels[SERVICE],
        "number": _number(container),
        "id": told["Id"],
        **_state(told, state),
        "image": told["Config"]["Image"],
        "image_id": told["Image"],
        "config_hash": labels.get(LABEL + "config-hash", ""),
        "folder": labels.get(LABEL + "project.working_dir", ""),
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "memory_limit": host.get("Memory") or 0,
        "cpus": _cpus(host),
        "log_driver": (host.get("LogConfig") or {}).get("Type", ""),
        "log_options": (host.get("LogConfig") or {}).get("Config") or {},
    }


def _state(told: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    health = state.get("Health") or {}
    last = (health.get("Log") or [{}])[-1] or {}
    return {
        "state": state["Status"],
        "health": health.get("Status") or "",
        "health_said": str(last.get("Output", ""))[-HEALTH_TEXT:].strip(),
        "restarts": told.get("RestartCount", 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "exit": state.get("ExitCode", 0),
        "error": state.get("Error", ""),
        "started_at": state.get("StartedAt", ""),
        "finished_at": state.get("FinishedAt", ""),
    }


def _cpus(host: Mapping[str, Any]) -> float:
    """How many CPUs a container may use; 0 where it has no limit."""
    if host.get("NanoCpus"):
        return float(host["NanoCpus"]) / 1e9
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    return float(quota) / float(period) if quota > 0 else 0.0


def _image_id(engine: Engine, name: str) -> str | None:
    try:
        return str(engine.get(f"/images/{name}/json")["Id"])
    except Gone:
        return None


def stats(engine: Engine, project: str, options: Options) -> list[dict[str, Any]]:
    """`samples` measurements (default 3, a second apart) of every running container, all at the same time."""
    engine.negotiate()
    wanted = int(options.get("samples") or 3)
    found = _containers(engine, project, options, RUNNING)
    return _each(lambda one: _sampled(engine, one, wanted), found)


def _sampled(engine: Engine, container: Mapping[str, Any], wanted: int) -> dict[str, Any]:
    host = engine.get(f"/containers/{container['Id']}/json")["HostConfig"]
    samples: list[dict[str, Any]] = []
    with engine.stream("GET", f"/containers/{container['Id']}/stats", stream="true") as pieces:
        for sample in json_lines(pieces):
            if sample["precpu_stats"].get("system_cpu_usage"):  # the first one has nothing to be compared with
                samples.append(_trimmed(sample))
            if len(samples) == wanted:
                break
    return {
        "service": container["Labels"][SERVICE],
        "number": _number(container),
        "cpus": _cpus(host),
        "samples": samples,
    }


def _trimmed(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What CPU and memory are reckoned from, as the Engine told it: cgroup v1 and v2 name things differently."""
    memory = sample["memory_stats"]
    kept = {key: memory[key] for key in ("usage", "limit") if key in memory}
    inactive = {key: n for key, n in (memory.get("stats") or {}).items() if key.endswith("inactive_file")}
    cpu = {key: _trimmed_cpu(sample[key]) for key in ("cpu_stats", "precpu_stats")}
    return {**cpu, "memory_stats": {**kept, "stats": inactive}}


def _trimmed_cpu(told: Mapping[str, Any]) -> dict[str, Any]:
    cpus = told.get("online_cpus") or len(told["cpu_usage"].get("percpu_usage") or ())
    total = {"total_usage": told["cpu_usage"]["total_usage"]}
    return {"cpu_usage": total, "system_cpu_usage": told.get("system_cpu_usage"), "online_cpus": cpus}


def logs(engine: Engine, project: str, options: Options) -> list[dict[str, Any]]:
    """Log lines of every container, between `since` and `until` (ISO times): how many, and those `matching`.

    `read` counts all lines, `matched` those that match; the first ones are given as (time, stream, text). `cut` tells
    that there was more than is read of one container.
    """
    engine.negotiate()
    return _each(lambda one: _logged(engine, one, options), _containers(engine, project, options))


def _logged(engine: Engine, container: Mapping[str, Any], options: Options) -> dict[str, Any]:
    told = engine.get(f"/containers/{container['Id']}/json")
    span = {key: _epoch(options[key]) for key in ("since", "until") if options.get(key)}
    tail = {"tail": str(options["tail"])} if options.get("tail") else {}
    asked: dict[str, Any] = {"stdout": "1", "stderr": "1", "timestamps": "1", **span, **tail}
    with engine.stream("GET", f"/containers/{container['Id']}/logs", **asked) as pieces:
        raw, cut = collect(pieces)
    lines = _lines([("stdout", raw)] if told["Config"]["Tty"] else pieces_of(raw))
    pattern = re.compile(str(options.get("matching") or ""))
    matched = [line for line in lines if pattern.search(line[2])]
    given = matched[-LINES:] if tail else matched[:LINES]
    found = {"read": len(lines), "matched": len(matched), "cut": cut, "lines": given}
    return {"service": container["Labels"][SERVICE], "number": _number(container), **found}


def _epoch(moment: object) -> str:
    return f"{datetime.fromisoformat(str(moment)).timestamp():.6f}"


def _lines(pieces: Iterable[tuple[str, bytes]]) -> list[list[str]]:
    rows = []
    for stream, piece in pieces:
        for line in piece.decode(errors="replace").splitlines():
            at, _, text = line.partition(" ")
            rows.append([at, stream, text])
    return rows


def execute(engine: Engine, project: str, options: Options) -> dict[str, Any]:
    """How a command that only reads (`argv`, in `cwd`) ended in the first running container of a `service`."""
    engine.negotiate()
    service = str(options["service"])
    running = _containers(engine, project, {"services": [service]}, RUNNING)
    if not running:
        raise Refused(f"no running container of the service {service}")
    body = {"Cmd": list(options["argv"]), "AttachStdout": True, "AttachStderr": True}
    body |= {"WorkingDir": options["cwd"]} if options.get("cwd") else {}
    made = engine.post(f"/containers/{running[0]['Id']}/exec", body)
    with engine.stream("POST", f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False}) as pieces:
        raw, cut = collect(pieces, EXEC_BYTES)
    if cut:
        raise Refused(f"the command printed more than {EXEC_BYTES} bytes")
    said = {name: text.decode(errors="replace") for name, text in demultiplex(raw).items()}
    return {"exit": engine.get(f"/exec/{made['Id']}/json")["ExitCode"], "out": said["stdout"], "err": said["stderr"]}
