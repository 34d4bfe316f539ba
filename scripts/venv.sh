# shellcheck shell=sh disable=SC2154
# To be sourced, with `root` set to the project's folder: makes $root/.venv from scripts/requirements.lock.
#
# .venv/stamp is written last, and tells what .venv was made from: without it, or with another one, .venv is made anew.
# One process at a time makes it.

# The interpreter to make .venv with goes to $python; $python_problem tells what is wrong with the last one seen.
find_python() {
    python_problem="Python 3.11 or newer was not found on PATH"
    for python in "${PYTHON:-python3.13}" python3.13 python3.12 python3.11 python3; do
        if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            continue
        elif command -v uv >/dev/null || "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            return 0
        fi
        python_problem="$python lacks its module venv (on Debian and Ubuntu: apt-get install python3-venv)"
    done
    return 1
}

venv_stamp() {
    printf '%s %s\n' "$(cksum <"$root/scripts/requirements.lock")" "$root"
}

venv_is_current() {
    [ -x "$root/.venv/bin/python" ] && [ -r "$root/.venv/stamp" ] || return 1
    IFS= read -r venv_made <"$root/.venv/stamp"
    [ "$venv_made" = "$(venv_stamp)" ]
}

# Hold the kernel's lock on the lock file through descriptor 9, which outlives the Python that takes it. It ends with
# the last process that has it open: this shell, or the installer it started.
lock_venv() {
    exec 9<"$root/scripts/requirements.lock"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 9<&9
}

make_venv() {
    echo "Setting up .venv with $("$python" --version) (once, and after each change of its dependencies) ..." >&2
    rm -rf "$root/.venv"
    if command -v uv >/dev/null; then
        uv venv --quiet --no-project --python "$python" "$root/.venv" &&
            uv pip install --quiet --require-hashes --python "$root/.venv/bin/python" -r "$root/scripts/requirements.lock"
    else
        "$python" -m venv "$root/.venv" &&
            "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
                -r "$root/scripts/requirements.lock"
    fi && venv_stamp >"$root/.venv/stamp"
}

ensure_venv() {
    venv_is_current && return 0
    if ! find_python; then
        echo "Cannot set up .venv: $python_problem." >&2
        exit 1
    fi
    lock_venv
    if ! venv_is_current && ! make_venv; then
        echo "Setting up .venv failed: see above, mend it and run the same command again." >&2
        exit 1
    fi
    exec 9<&-
}
