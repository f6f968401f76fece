"""Java's class-data archive for Spark, which makes the job start seconds faster.

Java maps the archive into memory. Without it Java reads, checks and links some 20,000 classes from jar files:
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html. An archive fits one Java and one set of jars. Java
ignores it when either has changed.
"""

import sys
from pathlib import Path


def archive() -> Path:
    """Returns the archive's path, in the Python environment that holds Spark's jars."""
    return Path(sys.prefix) / "spark-classes.jsa"


def java_options() -> list[str]:
    """Returns the Java options that use the archive, without a warning if it does not fit; none without an archive."""
    return (
        [f"-XX:SharedArchiveFile={archive()}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"] if archive().exists() else []
    )
