"""The exceptions of nnloop.

NnloopError
├── UserError               wrong input or a wrong environment: one line on stderr, exit code 2
│   ├── SettingsError       a setting has a wrong name, type or value
│   ├── RuleError           a rule of the user's own raised, or returned something else than its contract says
│   ├── DatasetError        raw files are missing, incomplete or damaged
│   ├── RunFolderError      the run folder can't be used: written with other settings, read-only, in use
│   ├── CandidateFileError  a network given to job=evaluate can't be read
│   ├── CorpusError         a corpus is missing or can't be read
│   └── ModelError          a language model can't be loaded
├── InfrastructureError     our own machinery failed under a trial: the trial is retried
└── CompletionError         what the LLM wrote is no usable candidate; carries the status it ends in

A candidate's failure is data and never an exception outside `modes`: `CompletionError` is caught where a completion is
turned into a candidate, and everything later is a `TrialResult`.
"""

from nnloop.records import Status


class NnloopError(Exception):
    """Base of every exception that nnloop raises on purpose."""


class UserError(NnloopError):
    """Something outside nnloop has to be changed; the message says what, in one line."""


class SettingsError(UserError):
    """A setting with a wrong name, type or value."""


class RuleError(UserError):
    """A rule of the user's own that raised, or returned something else than its contract says."""


class DatasetError(UserError):
    """Raw files that are missing, incomplete or damaged."""


class RunFolderError(UserError):
    """A run folder that can't be used: written with other settings, read-only, or in use."""


class CandidateFileError(UserError):
    """A network given to job=evaluate that can't be read."""


class CorpusError(UserError):
    """A corpus that is missing or can't be read."""


class ModelError(UserError):
    """A language model that can't be loaded."""


class InfrastructureError(NnloopError):
    """A failure of our own machinery under a trial."""


class CompletionError(NnloopError):
    """A completion that holds no usable candidate.

    `status` is one of unparseable, truncated, patch_failed, no_change, rejected; `reason` is one line for a person.
    """

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
