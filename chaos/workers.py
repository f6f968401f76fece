"""Runs seeds in parallel worker processes, each with its own servers: a seed spends most of its time waiting."""

import multiprocessing
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from chaos import servers
from chaos.run import Outcome, run
from chaos.schedule import Schedule
from local.errors import RunError
from local.servers import class_archive, java, signals

# Errors that a worker sends to the parent process as text, because not all of them can be pickled.
ERRORS = (RunError, psycopg.Error, BotoCoreError, ClientError)


def outcomes_of(schedules: Sequence[Schedule], workers: int, folder: Path) -> Generator[Outcome, None, None]:
    """Yields the schedules' outcomes as they finish. A failed seed's files stay in its `folder_of`.

    Raises:
        InputError: Java is not installed.
        RunError: a worker failed or ended early.
    """
    java_home = java.ensure()
    context = multiprocessing.get_context("spawn")
    queue: SimpleQueue[Schedule | None] = context.SimpleQueue()
    for schedule in (*schedules, *[None] * workers):
        queue.put(schedule)
    results: list[Connection] = []
    with _terminated() as processes:
        for number in range(workers):
            result, worker_end = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(queue, worker_end, folder, number, java_home))
            with signals.deferred():
                process.start()
                processes.append(process)
            worker_end.close()
            results.append(result)
        yield from _received(results, len(schedules))


def folder_of(seed: int, folder: Path) -> Path:
    return folder / f"seed-{seed}"


def _received(results: list[Connection], expected: int) -> Iterator[Outcome]:
    while results:
        for result in wait(results):
            assert isinstance(result, Connection)  # noqa: S101 - for the type
            try:
                outcome = result.recv()
            except EOFError:
                results.remove(result)
                continue
            if isinstance(outcome, str):
                raise RunError(outcome)
            expected -= 1
            yield outcome
    if expected:
        raise RunError(f"a worker process ended early; {expected} seeds have no outcome")


@contextmanager
def _terminated() -> Iterator[list[SpawnProcess]]:
    """Yields a list; terminates the processes in it after the block.

    A worker cleans up at the first signal and ignores further ones.
    """
    processes: list[SpawnProcess] = []
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _work(
    queue: "SimpleQueue[Schedule | None]", results: Connection, folder: Path, number: int, java_home: Path | None
) -> None:
    own_folder = folder / f"servers-{number}"
    try:
        signals.clean_up_when_interrupted()
        with servers.running(own_folder, java_home=java_home, java_options=class_archive.java_options()) as shared:
            while (schedule := queue.get()) is not None:
                results.send(run(schedule, shared, folder_of(schedule.seed, folder)))
    except ERRORS as error:
        results.send(str(error))
    except KeyboardInterrupt:
        pass
