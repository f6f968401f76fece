"""The signature of every workload, and the name of the workloads' database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.servers.postgres import Server

DATABASE = "bench"

PrintLine = Callable[[str], None]
# Takes the database server, a folder for temporary files, the scale of every size, and a function that prints progress.
# Returns the measured figures, as JSON values.
Workload = Callable[[Server, Path, float, PrintLine], dict[str, Any]]
