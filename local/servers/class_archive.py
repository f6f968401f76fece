"""The archive of the classes that Spark loads: with it, Java starts the job seconds faster.

Java maps such an archive into memory instead of reading, checking and linking some 20,000 classes from jar files:
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html. It belongs to one Java and one set of jars, and is
passed over where these have changed.
"""

import sys
from pathlib import Path


def archive() -> Path:
    """Beside the jars that it belongs to."""
    return Path(sys.prefix) / "spark-classes.jsa"


def java_options() -> list[str]:
    """What lets Java use the archive, if there is one; silent when it does not fit."""
    return (
        [f"-XX:SharedArchiveFile={archive()}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"] if archive().exists() else []
    )
