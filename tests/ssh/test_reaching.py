"""How hosts are reached, and what is said of those that are not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.channels.change import execute
from deploy.channels.connections import Connections
from deploy.command import Run, Script
from deploy.errors import Unreachable
from deploy.question import Shell
from tests.ssh.asking import ask, said, why
from tests.ssh.conftest import Configure
from tests.ssh.world import Fleet, Host, wait_until

pytestmark = pytest.mark.live

Connect = Callable[..., Connections]


def refusal(connections: Connections, address: str) -> str:
    """Why a host cannot be reached: said of questions and of changes alike."""
    with pytest.raises(Unreachable) as caught:
        execute(Run(("true",)), connections.transport(address))
    assert "`true` was not run" in str(caught.value)
    return caught.value.why


def test_one_connection_serves_all_that_runs_there(connect: Connect, fleet: Fleet) -> None:
    host, connections = fleet.hosts[1], connect()
    before = host.log.count("Accepted publickey")
    assert connections.open([fleet.address(host)]) == {}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(connections.transport(fleet.address(host)), "hostname"), range(4)))
    assert [said(one) for (one,) in answers] == ["h2\n"] * 4
    assert host.log.count("Accepted publickey") == before + 1


def test_the_user_s_configuration_is_heeded(connect: Connect, fleet: Fleet, tmp_path: Path) -> None:
    """An alias, an IPv6 address, a host behind two others, one behind a command."""
    near, middle, far = fleet.hosts
    config = tmp_path / "config"
    config.write_text(
        f"Host far\n  HostName {far.address}\n  User deploy\n  ProxyJump h1,deploy@{middle.address}\n"
        f"Host piped\n  HostName {far.address}\n  User deploy\n"
        f"  ProxyCommand ssh -F {fleet.config} -W %h:%p h1\n" + fleet.config.read_text()
    )
    connections = connect(config=str(config))
    before = middle.log.count("Accepted publickey")
    answers = ask(connections.transport("far"), "hostname; echo $SSH_CONNECTION")
    assert said(answers[0]).split()[:2] == ["h3", middle.address]
    assert middle.log.count("Accepted publickey") == before + 1
    assert said(ask(connections.transport("piped"), "hostname; echo $SSH_CONNECTION")[0]).split()[1] == near.address
    assert said(ask(connections.transport("h1"), "hostname")[0]) == "h1\n"
    assert said(ask(connections.transport(f"deploy@[{near.address6}]:22"), "hostname")[0]) == "h1\n"


def test_an_unknown_host_key_is_named_with_the_way_to_trust_it(connect: Connect, fleet: Fleet, tmp_path: Path) -> None:
    host, empty = fleet.hosts[1], tmp_path / "known_hosts"
    empty.touch()
    (answer,) = ask(connect(known_hosts=str(empty)).transport(fleet.address(host)), "true")
    assert f"its host key is not in {empty}" in why(answer) and host.fingerprint in why(answer)
    assert f"invoke hosts.trust --env=NAME --hosts={fleet.address(host)}" in answer.evidence
    assert empty.read_text() == ""


def test_a_changed_host_key_is_a_loud_refusal_with_both_fingerprints(connect: Connect, fleet: Fleet) -> None:
    host, other = fleet.hosts[1], fleet.hosts[2]
    swapped = fleet.folder / "swapped"
    swapped.write_text(fleet.known_hosts.read_text().replace(f"{host.address},", f"{other.address}x,"))
    key = (other.folder / "host_key.pub").read_text()
    swapped.write_text(swapped.read_text() + f"{host.address} {key}")
    told = refusal(connect(known_hosts=str(swapped)), fleet.address(host))
    assert "ITS HOST KEY HAS CHANGED" in told
    assert told.index(other.fingerprint) < told.index(host.fingerprint)


def test_a_host_that_takes_passwords_only(connect: Connect, fleet: Fleet, odd: Configure) -> None:
    host = odd("AuthenticationMethods password", "PasswordAuthentication yes")
    told = refusal(connect(), fleet.address(host))
    assert "password" in told and ("refused" in told or "Permission denied" in told)


def test_nobody_listens_there(connect: Connect, fleet: Fleet) -> None:
    assert "refused" in refusal(connect(), f"{fleet.address(fleet.hosts[0])}:2222").lower()


def test_nobody_listens_behind_the_gateway(connect: Connect, fleet: Fleet, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host far\n  HostName {fleet.hosts[2].address}\n  ProxyJump h1\n{fleet.config.read_text()}")
    told = refusal(connect(config=str(config)), "deploy@far:2222")
    assert "its gateway cannot reach it" in told or "forwarding failed" in told


def test_a_gateway_that_is_not_trusted_is_named(connect: Connect, fleet: Fleet, tmp_path: Path) -> None:
    config, known = tmp_path / "config", tmp_path / "known_hosts"
    config.write_text(f"Host far\n  HostName {fleet.hosts[2].address}\n  ProxyJump h1\n{fleet.config.read_text()}")
    known.write_text(fleet.known_hosts.read_text().splitlines(keepends=True)[2])
    told = refusal(connect(config=str(config), known_hosts=str(known)), "deploy@far")
    assert fleet.hosts[0].fingerprint in told


def test_a_name_that_does_not_resolve(connect: Connect) -> None:
    assert "resolve" in refusal(connect(), "deploy@no-such-host.invalid")


def test_a_host_that_answers_nothing(connect: Connect, fleet: Fleet, first: Host) -> None:
    fleet.cut(first, "DROP")
    connections = connect(connect_timeout=1)
    (failed,) = connections.open([fleet.address(first), fleet.address(fleet.hosts[1])]).items()
    assert failed[0] == fleet.address(first)
    assert "no answer within 1 s" in failed[1].why or "timed out" in failed[1].why


def test_a_command_whose_connection_is_lost_may_have_run(connect: Connect, fleet: Fleet, first: Host) -> None:
    transport = connect().transport(fleet.address(first))
    caught: list[Unreachable] = []

    def change() -> None:
        try:
            execute(Script("echo > /srv/begun; sleep 4326"), transport)
        except Unreachable as error:
            caught.append(error)

    running = threading.Thread(target=change)
    running.start()
    wait_until((first.srv / "begun").exists)
    first.sshd()
    running.join()
    (first.srv / "begun").unlink()
    assert caught[0].lost and "it is not known whether `echo > /srv/begun; sleep 4326` ran to its end" in str(caught[0])
    wait_until(lambda: not first.running("sleep 4326"))
    assert said(ask(transport, "hostname")[0]) == "h1\n"  # a new connection


def test_a_question_whose_connection_is_lost_is_not_asked_again(connect: Connect, fleet: Fleet, first: Host) -> None:
    asking = Shell("echo x >> /srv/asked; sleep 4327", timeout=30)
    answers: list[object] = []
    transport = connect().transport(fleet.address(first))
    running = threading.Thread(target=lambda: answers.extend(ask(transport, "echo 1", asking, "echo 3")))
    running.start()
    wait_until((first.srv / "asked").exists)
    first.sshd()
    running.join()
    assert ["the connection was lost" in why(one) for one in answers] == [True] * 3  # type: ignore[arg-type]
    assert (first.srv / "asked").read_text() == "x\n"
    (first.srv / "asked").unlink()


def test_a_network_that_falls_silent_is_noticed(connect: Connect, fleet: Fleet, first: Host) -> None:
    """The deadline holds for the question that runs; the next ones hear that the host is gone."""
    transport = connect(connect_timeout=1, keepalive=1).transport(fleet.address(first))
    assert said(ask(transport, "hostname")[0]) == "h1\n"
    cutting = threading.Timer(0.3, fleet.cut, (first, "DROP"))
    cutting.start()
    answers = ask(transport, Shell("sleep 4328", timeout=1), "hostname")
    cutting.join()
    assert why(answers[0]) in ("timed out after 1 s", "the connection was lost")
    assert why(answers[1])
    fleet.heal(first)
    assert said(ask(transport, "hostname")[0]) == "h1\n"


def test_a_slow_line(connect: Connect, fleet: Fleet, first: Host) -> None:
    fleet.slow(first, 200)
    answers = ask(connect().transport(fleet.address(first)), "hostname", "yes | head -c 500000", "echo 3")
    assert [len(said(one)) for one in answers] == [3, 500000, 2]


def test_a_host_that_allows_one_session_a_connection(connect: Connect, fleet: Fleet, odd: Configure) -> None:
    transport = connect().transport(fleet.address(odd("MaxSessions 1")))
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda number: ask(transport, f"sleep 0.3; echo {number}"), range(3)))
    assert [said(one) for (one,) in answers] == ["0\n", "1\n", "2\n"]


def test_a_host_that_hangs_up_on_many_at_once(connect: Connect, fleet: Fleet, odd: Configure) -> None:
    host = odd("MaxStartups 1:30:2")
    many = [connect(retries=1) for _ in range(4)]
    with ThreadPoolExecutor(len(many)) as pool:
        failed = list(pool.map(lambda one: one.open([fleet.address(host)]), many))
    assert failed == [{}] * len(many)


def test_a_banner_is_no_output(connect: Connect, fleet: Fleet, odd: Configure) -> None:
    host = odd("Banner /etc/passwd")
    done = execute(Run(("echo", "out")), connect().transport(fleet.address(host)))
    assert (done.out, done.err) == ("out\n", "")


def test_connections_are_closed(connect: Connect, fleet: Fleet) -> None:
    host, connections = fleet.hosts[1], connect()
    assert said(ask(connections.transport(fleet.address(host)), "hostname")[0]) == "h2\n"
    connections.close()
    wait_until(lambda: not host.running("sshd: deploy"))
