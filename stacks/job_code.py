"""The attribution job's script, code and packages in the bucket of assets."""

from pathlib import Path

from aws_cdk import AssetStaging, FileAssetPackaging, Names, Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from stacks.bundling import RUNTIME, glue_code, glue_wheels
from stacks.job_role import JobRole


class JobCode(Construct):
    """The files that Glue loads when a run starts, which `role` may read.

    Driver and executors import the code from its zip, and install the packages from the wheels without the internet.
    docs/decisions/glue-packages.md compares the ways.
    """

    def __init__(self, scope: Construct, construct_id: str, *, role: JobRole) -> None:
        super().__init__(scope, construct_id)
        self.script = self._file(role, "Script", RUNTIME / "attribution_job" / "__main__.py")
        self.zip = self._file(role, "Zip", glue_code(self))
        self.arguments = {
            "--additional-python-modules": self._wheels(role, glue_wheels(self)),
            "--python-modules-installer-option": "--no-index",
        }

    def _file(self, role: JobRole, construct_id: str, path: Path) -> glue.Code:
        asset = s3_assets.Asset(self, construct_id, path=str(path))
        role.allow_reading(asset.bucket, asset.s3_object_key)
        return glue.Code.from_bucket(asset.bucket, asset.s3_object_key)

    def _wheels(self, role: JobRole, path: Path) -> str:
        """Returns the S3 URL of the zip of wheels. It ends in `.gluewheels.zip`, because Glue looks at the name.

        `Asset` names an object by its hash and the last suffix of the file. Here the hash ends in the other suffix.
        """
        staging = AssetStaging(self, "Wheels", source_path=str(path))
        stack = Stack.of(self)
        location = stack.synthesizer.add_file_asset(
            source_hash=f"{staging.asset_hash}.gluewheels",
            file_name=staging.relative_staged_path(stack),
            packaging=FileAssetPackaging.FILE,
            display_name=Names.stack_relative_construct_path(staging),
        )
        role.allow_reading(s3.Bucket.from_bucket_name(self, "Bucket", location.bucket_name), location.object_key)
        return location.s3_object_url
