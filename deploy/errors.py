"""Every error this package raises, and the exit code each one ends the program with.

    DeployError                    1  a defect of ours
    ├── ConfigError                2  configuration or input that a person must correct
    ├── DeploymentFailed           3  a deployment failed and was rolled back
    ├── PersonNeeded               4  a rollback is incomplete, or nothing was rolled back on request
    ├── LockHeld                   5  another deployment holds the lock
    ├── GateClosed                 6  a critical item is fail, unknown or pending
    └── StepFailed                 3  one step of a phase could not do or undo its change
        └── CommandFailed          3  a command ended in a way that its plan does not allow
            └── Unreachable        3  the host could not be reached, or was lost while the command ran

Exit code 0 is everything held; 1 is also Invoke's own for a misused command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DeployError(Exception):
    """A message for people, an exit code for machines."""

    exit_code = 1


class ConfigError(DeployError):
    """Bad input: says where, what was expected, and how to mend it.

    `where` is `file`, `file:line`, or the name of an option; `fix` is one sentence that tells what to do. `parts` are
    the single complaints when there are several.
    """

    exit_code = 2

    def __init__(self, message: str, *, where: str = "", fix: str = "") -> None:
        self.message, self.where, self.fix = message, where, fix
        self.parts: tuple[ConfigError, ...] = (self,)
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text}\n  {fix}" if fix else text)


def together(errors: Iterable[ConfigError]) -> ConfigError:
    """All complaints about one input as one error, so that a person mends them in one go; a single one is itself."""
    parts = tuple(part for error in errors for part in error.parts)
    if len(parts) == 1:
        return parts[0]
    whole = ConfigError("\n".join([f"{len(parts)} problems", *(str(part) for part in parts)]))
    whole.parts = parts
    return whole


class DeploymentFailed(DeployError):
    """The deployment failed and its changes were taken back."""

    exit_code = 3


class PersonNeeded(DeployError):
    """The target is between two states; `commands` are what a person must run, in order."""

    exit_code = 4

    def __init__(self, message: str, commands: Iterable[str] = ()) -> None:
        self.commands = tuple(commands)
        super().__init__("\n".join([message, *(f"  {command}" for command in self.commands)]))


class LockHeld(DeployError):
    """Somebody else is deploying."""

    exit_code = 5


class GateClosed(DeployError):
    """Critical items do not hold, so the flow may not go on."""

    exit_code = 6


class StepFailed(DeployError):
    """A step could not do, or undo, what it is for."""

    exit_code = 3


class CommandFailed(StepFailed):
    """A command's exit was not among its legal ones; carries the last lines of what it printed."""

    def __init__(self, command: str, exit_code: int | None, output: str = "") -> None:
        self.command, self.exited, self.output = command, exit_code, output
        ended = "timed out" if exit_code is None else f"exited {exit_code}"
        tail = "\n".join(f"  | {line}" for line in output.strip().splitlines()[-12:])
        super().__init__(f"{command}: {ended}" + (f"\n{tail}" if tail else ""))


class Unreachable(CommandFailed):
    """A host could not be reached; or, where `lost`, its connection broke and nobody knows whether a command ran.

    `why` tells what happened and `fix` what a person can do; `command` is what was to run there.
    """

    def __init__(self, host: str, why: str, fix: str = "", *, lost: bool = False, command: str = "") -> None:
        super().__init__(command or host, None)
        self.host, self.why, self.fix, self.lost = host, why, fix, lost
        what = f"`{command}`" if command else "the command"
        known = f"it is not known whether {what} ran to its end" if lost else f"{what} was not run"
        told = f"{host}: {why}; {known}" if command or lost else f"{host}: {why}"
        self.args = (f"{told}\n  {fix}" if fix else told,)

    def during(self, command: str) -> Unreachable:
        """The same, with the name of the command that it happened to."""
        return Unreachable(self.host, self.why, self.fix, lost=self.lost, command=command)


MOST = 12  # words that a hint lists


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: `did you mean 'sql.value'?`, or the list of what there is."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(choices) - MOST} more" if len(choices) > MOST else ""
    return "known: " + ", ".join(choices[:MOST]) + more
