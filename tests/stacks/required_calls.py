"""The calls that AWS services make with the project's roles, each with the page that documents it."""

from collections.abc import Iterator

from tests.stacks.policies import Account, Call, arn

# Role → its stack, and its code below runtime/.
ROLES = {
    "DataGeneratorRole": ("Streams", ["data_generator"]),
    "MigrationRole": ("Database", ["database"]),
    "OrchestratorRole": ("Processing", ["orchestrator"]),
    "AnalyticsRole": ("Analytics", ["analytics", "database/connection.py"]),
    "JobRole": ("Processing", ["attribution_job", "database/connection.py"]),
}
# Role → the start of the logical ids of its log groups.
LOG_GROUPS = {
    "DataGeneratorRole": "DataGeneratorLogs",
    "MigrationRole": "MigrationLogs",
    "OrchestratorRole": "OrchestratorLogs",
    "AnalyticsRole": "AnalyticsLogs",
    "JobRole": "Job",
}
# The source code of the connector: https://github.com/awslabs/spark-sql-kinesis-connector
CONNECTOR = ("DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords")
# The network interfaces of a function in a VPC: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
FUNCTION_INTERFACES = (
    "AssignPrivateIpAddresses",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "UnassignPrivateIpAddresses",
)
JOB_INTERFACES = (
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "DescribeRouteTables",
    "DescribeSecurityGroups",
    "DescribeVpcAttribute",
    "DescribeVpcEndpoints",
)


def calls_by_services(account: Account, role: str) -> list[Call]:
    """Returns the calls that AWS services make with the role."""
    calls = [
        Call(f"logs:{action}", group.replace(":*", ":log-stream:1"))
        for group in log_groups(account, role)
        for action in ("CreateLogStream", "PutLogEvents")
    ]
    if role == "DataGeneratorRole":
        (queue,), (key,) = account.arns("Streams", "AWS::SQS::Queue"), account.arns("Streams", "AWS::KMS::Key")
        # Lambda sends an invocation that failed after all retries to the dead-letter queue:
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        calls.append(Call("sqs:SendMessage", queue))
        # Kinesis encrypts records: https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
        calls.append(Call("kms:GenerateDataKey", key))
    if role in {"MigrationRole", "AnalyticsRole"}:
        calls += [Call(f"ec2:{action}", "*") for action in FUNCTION_INTERFACES]
    if role == "JobRole":
        calls += calls_for_the_job(account)
    return calls


def calls_for_the_job(account: Account) -> Iterator[Call]:
    """Yields the calls of Glue and its libraries: https://docs.aws.amazon.com/glue/latest/dg/getting-started-access.html"""
    arguments = account.property("Processing", "AWS::Glue::Job", "DefaultArguments")
    streams, (streams_key,) = account.arns("Streams", "AWS::Kinesis::Stream"), account.arns("Streams", "AWS::KMS::Key")
    for stream in streams:
        for action in CONNECTOR:
            yield Call(f"kinesis:{action}", stream)
    yield Call("kms:Decrypt", streams_key)
    # Glue tries to create the log groups, which is why its managed policy, AWSGlueServiceRole, allows it:
    # https://docs.aws.amazon.com/glue/latest/dg/create-service-policy.html
    for group in log_groups(account, "JobRole"):
        yield Call("logs:CreateLogGroup", group.replace(":*", ":log-stream:"))
    # Glue loads the script, the code and the packages.
    script = account.property("Processing", "AWS::Glue::Job", "Command", "ScriptLocation")
    for url in (script, arguments["--extra-py-files"], arguments["--additional-python-modules"]):
        yield Call("s3:GetObject", url.replace("s3://", "arn:aws:s3:::"))
    # Hadoop's file system for S3 stores Spark's checkpoint: files, and a marker beside the folder.
    folder = arguments["--checkpoint"].replace("s3://", "arn:aws:s3:::")
    for path in (f"{folder}/spark/offsets/0", f"{folder}_$folder$"):
        for action in ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"):
            yield Call(f"s3:{action}", path)
    (bucket,), (key,) = account.arns("Processing", "AWS::S3::Bucket"), account.arns("Processing", "AWS::KMS::Key")
    for action in ("ListBucket", "GetBucketLocation"):
        yield Call(f"s3:{action}", bucket)
    for action in ("Decrypt", "GenerateDataKey"):
        yield Call(f"kms:{action}", key)
    # The two Glue connections name the VPC to which Glue connects the job.
    yield Call("glue:GetConnection", arn("glue", "catalog"))
    for name in account.logical_ids("Processing", "AWS::Glue::Connection"):
        yield Call("glue:GetConnection", arn("glue", f"connection/{account.resolve('Processing', {'Ref': name})}"))
    for action in JOB_INTERFACES:
        yield Call(f"ec2:{action}", "*")
    for action in ("CreateTags", "DeleteTags"):
        interface = arn("ec2", "network-interface/eni-1")
        yield Call(f"ec2:{action}", interface, {"aws:TagKeys": "aws-glue-service-resource"})
    # `--enable-metrics` makes Glue publish its own metrics.
    yield Call("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Glue"})


def log_groups(account: Account, role: str) -> list[str]:
    """Returns the ARNs of the log groups that the role may write to."""
    stack, _ = ROLES[role]
    names = account.logical_ids(stack, "AWS::Logs::LogGroup")
    return [
        account.resolve(stack, {"Fn::GetAtt": [name, "Arn"]}) for name in names if name.startswith(LOG_GROUPS[role])
    ]
