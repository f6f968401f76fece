"""The script of the Glue job: unpacks the zip that has the code and its packages, then runs the job.

Compiled code, botocore's data and the database's certificates are files, which nothing can open inside a zip; and
Glue installs packages from the internet only, which the job's network need not reach.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

MEMBER = "runtime/attribution_job/glue_script.py"


def unpack() -> None:
    """Put the unpacked code before everything on the path, and its packages behind what is installed here."""
    for entry in sys.path:
        if zipfile.is_zipfile(entry):
            with zipfile.ZipFile(entry) as archive:
                if MEMBER in archive.namelist():
                    folder = Path(tempfile.mkdtemp(prefix="attribution-job-"))
                    archive.extractall(folder)
                    sys.path.insert(0, str(folder))
                    sys.path.append(str(folder / "packages"))
                    return


if __name__ == "__main__":
    unpack()
    from runtime.attribution_job.lifetime import main

    main(sys.argv[1:])
