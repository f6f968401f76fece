"""What ends the job and needs an operator: each names its page in docs/operations.md."""


class JobError(Exception):
    """The job must not go on; the message says what was found, and ends with the runbook's heading."""

    runbook: str

    def __init__(self, found: str) -> None:
        super().__init__(f'{found}; see "{self.runbook}" in docs/operations.md')


class FencedError(JobError):
    """Another run writes to this database."""

    runbook = "Two runs at once"


class RestoredDatabaseError(JobError):
    """The checkpoint knows of batches that the database does not."""

    runbook = "Database restored"


class UnreadableCheckpointError(JobError):
    """Spark cannot read what its checkpoint holds."""

    runbook = "Checkpoint unreadable"
