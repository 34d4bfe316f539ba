"""A commit's files come to a host: in one compressed stream of what it does not have, unpacked aside and verified.

The host needs a shell, tar, gzip and the core utilities: no git, and no right to read the repository.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deploy.channels.addresses import parse
from deploy.channels.git import Mirror, mirror
from deploy.command import Script
from deploy.reach import HERE
from deploy.steps.parcel import contents, intact, packed

if TYPE_CHECKING:
    from deploy.deployment import Deployment
    from deploy.steps.base import Progress

LONG = 1800.0

# Of the newest release, only what still has its checksum need not be sent again; one that is damaged is no obstacle.
EARLIER = """
export LC_ALL=C
cd {releases} 2>/dev/null || exit 0
mark=$(ls -1t */.release.json 2>/dev/null | head -n 1)
[ -n "$mark" ] || exit 0
echo "release ${{mark%/*}}"
(
  cd "${{mark%/*}}"
  find . -type f -perm -100 -exec printf 'x %s\\n' {{}} +
  cat .release.sha256
  sha256sum -c .release.sha256
) 2>/dev/null || :"""

PLACES = """
umask 022
export LC_ALL=C
release={release}
partial={partial}
rm -rf "$partial"
mkdir -p "$partial/tree"
"""

UNPACK = """
gzip -dc | tar -xo -C "$partial" -f -
cd "$partial"
find tree -type f -exec chmod 644 {{}} +
if [ -s executable ]; then (cd tree; xargs -0 chmod 755 <../executable); fi
if [ -s reuse ]; then
  cd {newest}
  xargs -0 sh -c {take} "$partial/tree" <"$partial/reuse"
fi
cd "$partial/tree"
"""

# How what is unchanged gets into the folder $0: releases that only have copies cannot change each other.
TAKE = {
    "copy": 'tar -cf - "$@" | tar -xo -C "$0" -f - && cd "$0" && chmod a+rX "$@"',
    "link": 'cp -l --parents "$@" "$0"',
}

VERIFY = """
if [ "$(cat ../listing ../sums | sha256sum | cut -d ' ' -f 1)" != {digest} ]; then
  echo 'what came is not what was sent: send it again' >&2
  exit 1
fi
{{
  find . -type f -perm -100 -exec printf 'x %s\\n' {{}} +
  find . -type f ! -perm -100 -exec printf -- '- %s\\n' {{}} +
  find . -type l -exec sh -c 'for l; do printf "l %s -> %s\\n" "$l" "$(readlink "$l")"; done' sh {{}} +
  find . ! -type f ! -type l ! -type d -exec printf '? %s\\n' {{}} +
}} | sort >../found
comm -3 ../listing ../found | sed -e 's/^\\t/not of the commit: /;t' -e 's/^/missing: /' >../wrong
if [ -s ../sums ]; then
  sha256sum -c ../sums >../checked 2>&1 || {{ grep -v ': OK$' ../checked || echo 'checksums differ'; }} >>../wrong
fi
if [ -s ../wrong ]; then
  echo "what was unpacked in $partial is not the commit:" >&2
  head -n 8 ../wrong >&2
  exit 1
fi
"""

RENAME = """
cd /
if [ -e "$release" ]; then mv "$release" "$release.unfinished-$(date +%s)"; fi
mv "$partial/tree" "$release"
rm -rf "$partial"
"""

# For a person: the whole of it, by the tools that there are.
BY_HAND = """
mirror={mirror}
if [ -e "$mirror/HEAD" ]; then
  git --git-dir="$mirror" fetch -q --prune origin '+refs/*:refs/*'
else
  mkdir -p "$(dirname "$mirror")"
  git clone -q --mirror {repository} "$mirror"
fi
archive=$(mktemp)
git --git-dir="$mirror" archive --format=tar --output="$archive" {commit}
{sent}
rm "$archive"
"""


def deliver(deployment: Deployment, progress: Progress) -> int:
    """Make the folder of a release, with the commit's files and nothing else; returns the bytes that were sent.

    Raises StepFailed, and nothing bears the release's name then: an unfinished transfer leaves its partial folder,
    which the next one begins anew.
    """
    source = source_of(deployment)
    source.need(deployment.commit)
    with source.archive(deployment.commit) as archive:
        whole = contents(archive, source.entries(deployment.commit))
        newest, kept = intact(deployment.site.execute(_earlier(deployment)).out)
        reused = whole.reusable(kept)
        with packed(archive, whole, reused) as payload:
            kilobytes, count = max(1, payload.size // 1000), len(whole.files) - len(reused)
            progress.say(f"{count} of {len(whole.files)} files are sent, {kilobytes} kB")
            deployment.site.send(_receive(deployment, whole.digest, newest), payload)
            return payload.size


def source_of(deployment: Deployment) -> Mirror:
    return mirror(deployment.environment.repository, deployment.environment.path)


def by_hand(deployment: Deployment) -> Script:
    """The same as shell to paste; all files are sent."""
    there = f'set -eu\n{_places(deployment)}gzip -dc | tar -xo -C "$partial/tree" -f -\n{RENAME}'
    hosts = deployment.site.hosts("app")
    text = BY_HAND.format(
        mirror=shlex.quote(str(source_of(deployment).folder)),
        repository=shlex.quote(deployment.environment.repository),
        commit=deployment.commit,
        sent="\n".join(f'gzip -1 <"$archive" | {_way(host)} {shlex.quote(there)}' for host in hosts),
    )
    from_here = "" if hosts == [HERE] else ", sent from this machine"
    return Script(text.strip(), note=f"the files of the commit{from_here}", timeout=LONG)


def _way(host: str) -> str:
    if host == HERE:
        return "sh -c"
    to = parse(host)
    port = ("-p", str(to.port)) if to.port else ()
    return shlex.join(["ssh", *port, f"{to.user}@{to.name}" if to.user else to.name])


def _earlier(deployment: Deployment) -> Script:
    text = EARLIER.format(releases=shlex.quote(str(deployment.layout.releases)))
    return Script(text.strip(), note="files of earlier releases", timeout=LONG)


def _receive(deployment: Deployment, digest: str, newest: str) -> Script:
    there = shlex.quote(str(deployment.layout.releases / newest))
    unpack = UNPACK.format(newest=there, take=shlex.quote(TAKE[deployment.system.release.unchanged]))
    text = _places(deployment) + unpack + VERIFY.format(digest=digest) + RENAME
    return Script(text.strip(), note="the files of the commit", timeout=LONG)


def _places(deployment: Deployment) -> str:
    layout, release = deployment.layout, deployment.release
    return PLACES.format(
        release=shlex.quote(str(layout.release(release))), partial=shlex.quote(f"{layout.releases}/.{release}.partial")
    )
