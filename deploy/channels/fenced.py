"""The way to a host's shell for changes: fenced off from deployers that lost their lock, and stopped by Ctrl-C."""

from __future__ import annotations

import shlex
import threading
from dataclasses import dataclass

from deploy.channels.transport import ASKED, Deadline, Ended, Mode, Receive, Transport

FENCED = 98  # our own exit: a newer deployer has been here

# The host keeps the largest token that it has seen; a smaller one changes nothing any more. What a deployer with a
# smaller one left running, because it lost the host and the host does not know it, is ended before anything else is
# begun. A job is known by its shell: number, start (against reused numbers) and process group, as Linux tells them.
# It is written down before the fence is read, and older ones are looked for after the fence was raised: so of two
# that come at once, either the older one sees the fence, or the newer one sees its job. The fence may have been raised
# already, by whoever drew the token on this host.
GUARD = """\
_f={fence}
_r=${{_f%/*}}/running
mkdir -p -m 700 -- "$_r" || exit 1
_job() {{
  _s=
  if [ -r "/proc/$1/stat" ]; then read -r _s </proc/"$1"/stat; fi
  # shellcheck disable=SC2086 # words
  set -- ${{_s##*) }}
  _g=${{3-}} _b=${{20-}}
}}
_job $$
if [ -n "$_b" ]; then
  trap 'rm -f -- "$_r/$$"' EXIT
  echo "$$ $_b {token}" >"$_r/$$" || exit 1
fi
_t=$(cat -- "$_f" 2>/dev/null)
if [ "${{_t:-0}}" -gt {token} ]; then
  echo "a newer deployment (token $_t) has taken over; this one ({token}) changes nothing any more" >&2
  exit {exit}
fi
if [ "${{_t:-0}}" -lt {token} ]; then
  printf %s {token} >"$_f.$$" && mv -f -- "$_f.$$" "$_f" || exit 1
fi
for _j in "$_r"/*; do
  if [ -e "$_j" ]; then
    _pid= _born= _t=
    read -r _pid _born _t <"$_j"
    if [ -n "$_born" ] && [ "${{_t:-0}}" -lt {token} ]; then
      _job "$_pid"
      if [ -n "$_b" ] && [ "$_b" = "$_born" ]; then kill -KILL "-$_g"; fi
      rm -f -- "$_j"
    fi
  fi
done
"""


@dataclass(frozen=True)
class Fence:
    """The fencing token of a lock, and the file in which each host keeps the largest one that it has seen."""

    path: str
    token: int

    def guard(self) -> str:
        return GUARD.format(fence=shlex.quote(self.path), token=self.token, exit=FENCED)


@dataclass(frozen=True)
class Fenced:
    """A transport whose scripts ask the fence first, and stop at once when `stopped` is set."""

    transport: Transport
    fence: Fence | None
    stopped: threading.Event

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        guarded = f"{{\n{self.fence.guard()}{script}}}\n" if self.fence else script

        def until() -> float:
            return 0.0 if self.stopped.is_set() else deadline()

        return self.transport.run(guarded, receive, until, mode)
