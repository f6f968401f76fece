from pathlib import Path

import pytest

from stacks import database
from stacks.config import DEV
from tests.stacks.conftest import Environment, actions, resources, synthesise


def test_the_database_is_never_public(environment: Environment) -> None:
    assert environment.properties("Database", "AWS::RDS::DBInstance")["PubliclyAccessible"] is False


def test_the_database_is_in_the_database_subnets(environment: Environment) -> None:
    subnets = environment.properties("Database", "AWS::RDS::DBSubnetGroup")["SubnetIds"]
    assert len(subnets) == 2
    assert all("VpcdatabaseSubnet" in subnet["Fn::ImportValue"] for subnet in subnets)


def test_the_database_is_encrypted_with_a_customer_managed_key(environment: Environment) -> None:
    (key,) = environment.resources("Database", "AWS::KMS::Key")
    instance = environment.properties("Database", "AWS::RDS::DBInstance")
    assert instance["StorageEncrypted"] is True
    assert instance["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_the_database_refuses_connections_without_tls(environment: Environment) -> None:
    parameters = environment.properties("Database", "AWS::RDS::DBParameterGroup")["Parameters"]
    assert parameters["rds.force_ssl"] == "1"


def test_the_database_compiles_no_query_as_in_the_benchmarks(environment: Environment) -> None:
    parameters = environment.properties("Database", "AWS::RDS::DBParameterGroup")["Parameters"]
    assert parameters["jit"] == "0"


def test_the_template_contains_no_password(environment: Environment) -> None:
    instance = environment.properties("Database", "AWS::RDS::DBInstance")
    assert instance["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in instance
    for secret in environment.resources("Database", "AWS::SecretsManager::Secret").values():
        generated = secret["Properties"]["GenerateSecretString"]
        assert generated["GenerateStringKey"] == "password"
        assert generated["PasswordLength"] == 40


def test_a_login_has_every_field_that_its_user_reads(environment: Environment) -> None:
    templates = [
        str(secret["Properties"]["GenerateSecretString"]["SecretStringTemplate"])
        for secret in environment.resources("Database", "AWS::SecretsManager::Secret").values()
    ]
    assert len(templates) == 3
    for template in templates:
        assert all(f'"{key}"' in template for key in ("host", "port", "dbname", "username"))
    for role in ("pipeline_writer", "pipeline_analytics", "pipeline_analyst"):
        assert any(role in template for template in templates)


def test_the_dev_database_is_small_and_deleted_with_its_stack(dev: Environment) -> None:
    (instance,) = dev.resources("Database", "AWS::RDS::DBInstance").values()
    assert instance["Properties"]["DBInstanceClass"] == "db.t3.micro"
    assert instance["Properties"]["MultiAZ"] is False
    assert instance["Properties"]["DeletionProtection"] is False
    assert instance["DeletionPolicy"] == "Delete"


def test_production_tolerates_a_zone_failure_and_an_accidental_deletion(prod: Environment) -> None:
    (instance,) = prod.resources("Database", "AWS::RDS::DBInstance").values()
    assert instance["Properties"]["MultiAZ"] is True
    assert instance["Properties"]["DeletionProtection"] is True
    assert instance["Properties"]["BackupRetentionPeriod"] == 14
    assert instance["DeletionPolicy"] == "Retain"


def test_storage_is_gp3_and_grows(environment: Environment) -> None:
    instance = environment.properties("Database", "AWS::RDS::DBInstance")
    assert instance["StorageType"] == "gp3"
    assert instance["MaxAllocatedStorage"] > int(instance["AllocatedStorage"])


def test_backups_are_taken_and_exported_logs_have_a_retention(environment: Environment) -> None:
    instance = environment.properties("Database", "AWS::RDS::DBInstance")
    assert instance["BackupRetentionPeriod"] >= 1
    assert instance["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    groups = {
        group["Properties"]["LogGroupName"]: group["Properties"]["RetentionInDays"]
        for group in environment.resources("Database", "AWS::Logs::LogGroup").values()
    }
    for log in instance["EnableCloudwatchLogsExports"]:
        assert groups[f"/aws/rds/instance/{instance['DBInstanceIdentifier']}/{log}"]


def test_only_the_job_the_two_functions_and_analysts_reach_the_database(environment: Environment) -> None:
    (instance,) = [name for name in environment.resources("Database", "AWS::EC2::SecurityGroup") if "Instance" in name]
    rules = [
        (stack, resource["Properties"])
        for stack, _, resource in environment.all_resources()
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress"
        and instance[:20] in str(resource["Properties"]["GroupId"])
    ]
    assert sorted(stack for stack, _ in rules) == ["Analytics", "Database", "Database", "Processing"]
    sources = str([rule["SourceSecurityGroupId"] for _, rule in rules])
    groups = ("MigrationSecurityGroup", "JobSecurityGroup", "AnalystsSecurityGroup", "'SecurityGroupDD263621'")
    assert all(group in sources for group in groups)
    for _, rule in rules:
        assert "CidrIp" not in rule
        assert rule["IpProtocol"] == "tcp"


def test_migrations_run_in_the_private_subnets_and_only_read_the_logins(environment: Environment) -> None:
    function = environment.properties("Database", "AWS::Lambda::Function")
    assert all("VpcprivateSubnet" in subnet["Fn::ImportValue"] for subnet in function["VpcConfig"]["SubnetIds"])
    reading = [
        statement
        for statement in environment.statements("Database", "MigrationRole")
        if any(action.startswith("secretsmanager:") for action in actions(statement))
    ]
    assert {action for statement in reading for action in actions(statement)} == {"secretsmanager:GetSecretValue"}
    secrets = [resource for statement in reading for resource in resources(statement)]
    assert len(secrets) == 4
    assert "*" not in secrets


def test_migrations_wait_for_the_database_and_time_out(environment: Environment) -> None:
    (migrations,) = environment.resources("Database", "Custom::Migrations").values()
    (instance,) = environment.resources("Database", "AWS::RDS::DBInstance")
    assert instance in migrations["DependsOn"]
    for direction in ("Ingress", "Egress"):
        rules = environment.resources("Database", f"AWS::EC2::SecurityGroup{direction}")
        (rule,) = (name for name in rules if "MigrationSecurityGroup" in name)
        assert rule in migrations["DependsOn"]
    assert migrations["Properties"]["ServiceTimeout"] == "600"


def test_a_changed_sql_file_runs_the_migrations_again(
    dev: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "database" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_tables.sql").write_text("select 1;")
    monkeypatch.setattr(database, "RUNTIME", tmp_path)
    original = dev.properties("Database", "Custom::Migrations")["Files"]
    changed = synthesise(DEV).properties("Database", "Custom::Migrations")["Files"]
    (folder / "0001_tables.sql").write_text("select 2;")
    assert len({original, changed, synthesise(DEV).properties("Database", "Custom::Migrations")["Files"]}) == 3
