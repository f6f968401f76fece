"""Glue jobs for the emulator that run a small script instead of Spark."""

import io
import zipfile
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

LOG_PREFIX = "/jobs"


def create_job(glue: "GlueClient", name: str, script: str, **definition: Any) -> None:
    """Creates a streaming job that runs `script` and can import `packaged` from a zip.

    The log group must exist before the job runs.
    """
    bucket = boto3.resource("s3").create_bucket(Bucket=f"code-of-{name}")
    bucket.put_object(Key="script.py", Body=script.encode())
    bucket.put_object(Key="code.zip", Body=zipped({"packaged.py": "words = 'from the zip'"}))
    glue.create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/job",
        Command={"Name": "gluestreaming", "ScriptLocation": f"s3://{bucket.name}/script.py"},
        DefaultArguments={
            "--extra-py-files": f"s3://{bucket.name}/code.zip",
            "--additional-python-modules": f"s3://{bucket.name}/packages.gluewheels.zip",
            "--python-modules-installer-option": "--no-index",
            "--custom-logGroup-prefix": LOG_PREFIX,
            "--checkpoint": f"s3://{bucket.name}/attribution",
            "--rows": "20",
        },
        **definition,
    )


def zipped(files: dict[str, str]) -> bytes:
    """Returns a zip archive of files, given as text by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
