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

NEWEST = 2  # earlier releases that are looked through for files that need not be sent again
LONG = 1800.0

# Only what still has its checksum counts. It is copied later, not linked: releases must not change each other.
EARLIER = """
export LC_ALL=C
cd {releases} 2>/dev/null || exit 0
for mark in $(ls -1t */.release.json 2>/dev/null | head -n {newest}); do
  echo "release ${{mark%/*}}"
  (
    cd "${{mark%/*}}"
    cat .release.sha256
    sha256sum -c .release.sha256 2>/dev/null
  ) || :
done"""

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
for list in reuse/*; do
  if [ -f "$list" ]; then
    cd "{releases}/${{list#reuse/}}"
    xargs -0 sh -c 'tar -cf - "$@" | tar -xo -C "$0" -f -' "$partial/tree" <"$partial/$list"
    cd "$partial"
  fi
done
find tree -type f -exec chmod 644 {{}} +
cd tree
if [ -s ../executable ]; then xargs -0 chmod 755 <../executable; fi
"""

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
        reused = whole.reusable(intact(deployment.site.execute(_earlier(deployment)).out))
        with packed(archive, whole, reused) as payload:
            kilobytes, count = max(1, payload.size // 1000), len(whole.files) - len(reused)
            progress.say(f"{count} of {len(whole.files)} files are sent, {kilobytes} kB")
            deployment.site.send(_receive(deployment, whole.digest), payload)
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
    text = EARLIER.format(releases=shlex.quote(str(deployment.layout.releases)), newest=NEWEST)
    return Script(text.strip(), note="files of earlier releases", timeout=LONG)


def _receive(deployment: Deployment, digest: str) -> Script:
    unpack = UNPACK.format(releases=deployment.layout.releases)
    text = _places(deployment) + unpack + VERIFY.format(digest=digest) + RENAME
    return Script(text.strip(), note="the files of the commit", timeout=LONG)


def _places(deployment: Deployment) -> str:
    layout, release = deployment.layout, deployment.release
    return PLACES.format(
        release=shlex.quote(str(layout.release(release))), partial=shlex.quote(f"{layout.releases}/.{release}.partial")
    )
