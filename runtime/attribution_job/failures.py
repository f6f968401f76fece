"""Errors that end the job and need an operator. Each names its runbook in docs/operations.md."""


class JobError(Exception):
    """An error that a retry cannot solve. The message states the problem and ends with the runbook's heading."""

    runbook: str

    def __init__(self, problem: str) -> None:
        super().__init__(f'{problem}; see "{self.runbook}" in docs/operations.md')


class StartupError(JobError):
    """A part of the job's environment is missing or wrong.

    A version, the login, the database, a stream, the event mapping or the checkpoint's folder.
    """

    runbook = "Job does not start"


class FencedError(JobError):
    """Another run of the job writes to this database."""

    runbook = "Two runs at once"


class RestoredDatabaseError(JobError):
    """The database lacks batches that the checkpoint records as committed."""

    runbook = "Database restored"


class UnreadableCheckpointError(JobError):
    """Spark cannot read the checkpoint."""

    runbook = "Checkpoint unreadable"
