"""Seeds side by side: a process for each, with servers of its own, because most of a seed's time is spent waiting."""

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
from chaos.schedule import draw
from local.errors import RunError
from local.servers import class_archive, java, signals

# They are passed on as text, because not all of them can be sent to another process.
ERRORS = (RunError, psycopg.Error, BotoCoreError, ClientError)


def outcomes_of(seeds: Sequence[int], workers: int, folder: Path) -> Generator[Outcome, None, None]:
    """As they come. What a seed leaves behind when it has not passed is in `folder_of` it.

    Raises:
        InputError: there is no Java.
        RunError: a worker could not go on.
    """
    java_home = java.ensure()
    context = multiprocessing.get_context("spawn")
    todo: SimpleQueue[int | None] = context.SimpleQueue()
    for seed in (*seeds, *[None] * workers):
        todo.put(seed)
    results: list[Connection] = []
    with _ended() as processes:
        for number in range(workers):
            result, worker_end = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(todo, worker_end, folder, number, java_home))
            with signals.held():
                process.start()
                processes.append(process)
            worker_end.close()
            results.append(result)
        yield from _received(results, len(seeds))


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
        raise RunError(f"a worker ended before its time; {expected} seeds have no outcome")


@contextmanager
def _ended() -> Iterator[list[SpawnProcess]]:
    """What is put into the list ends with the block; a worker cleans up at the first signal, and ignores others."""
    processes: list[SpawnProcess] = []
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _work(
    todo: "SimpleQueue[int | None]", results: Connection, folder: Path, number: int, java_home: Path | None
) -> None:
    own = folder / f"servers-{number}"
    try:
        signals.clean_up_when_interrupted()
        with servers.running(own, java_home=java_home, java_options=class_archive.java_options()) as up:
            while (seed := todo.get()) is not None:
                results.send(run(draw(seed), up, folder_of(seed, folder)))
    except ERRORS as error:
        results.send(str(error))
    except KeyboardInterrupt:
        pass
