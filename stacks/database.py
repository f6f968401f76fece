"""The PostgreSQL database of the results. Every deployment applies new migrations."""

import hashlib
import json

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.analyst_access import AnalystAccess
from stacks.bundling import RUNTIME
from stacks.config import Config
from stacks.encryption_key import EncryptionKey
from stacks.network import DATABASE, PRIVATE
from stacks.python_function import PythonFunction

DATABASE_NAME = "analytics"
PORT = 5432


class DatabaseStack(Stack):
    """The RDS instance, the logins of its three roles, the migrations, and the analysts' access."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, vpc: ec2.Vpc) -> None:
        super().__init__(scope, construct_id, description="PostgreSQL and its migrations")
        self._config = config
        self._vpc = vpc
        self._security_groups: list[ec2.SecurityGroup] = []
        self._key = EncryptionKey(self, "Key", config=config, description="Storage of the database")
        self.instance = self._instance()
        self.writer_login = self._login("WriterLogin", "pipeline_writer")
        self.analytics_login = self._login("AnalyticsLogin", "pipeline_analytics")
        # Analysts look this secret up by its name.
        self.analyst_login = self._login("AnalystLogin", "pipeline_analyst", name=config.name("analyst-login"))
        self._logins = [self.writer_login, self.analytics_login, self.analyst_login]
        self._migrate()
        AnalystAccess(self, "Analysts", config=config, vpc=vpc, database=self.instance)

    def _instance(self) -> rds.DatabaseInstance:
        engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_18)
        name = self._config.name("database")
        instance = rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=name,
            engine=engine,
            instance_type=ec2.InstanceType(self._config.database_instance),
            multi_az=self._config.database_multi_az,
            database_name=DATABASE_NAME,
            port=PORT,
            vpc=self._vpc,
            vpc_subnets=DATABASE,
            publicly_accessible=False,
            security_groups=[self._security_group("Instance", "Database")],
            credentials=rds.Credentials.from_username("pipeline_owner"),
            manage_master_user_password=True,
            iam_authentication=True,
            # `jit` is on by default, but the server of the tests and benchmarks has no LLVM (docs/decisions/no-jit.md).
            parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000", "jit": "0"},
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            storage_type=rds.StorageType.GP3,
            allocated_storage=self._config.database_storage_gib,
            max_allocated_storage=self._config.database_max_storage_gib,
            storage_encrypted=True,
            storage_encryption_key=self._key,
            backup_retention=Duration.days(self._config.backup_days),
            deletion_protection=self._config.keeps_data,
            removal_policy=self._config.removal_policy,
            cloudwatch_logs_exports=["postgresql", "upgrade"],
        )
        # RDS would create these log groups without a retention.
        for log in ("postgresql", "upgrade"):
            instance.node.add_dependency(self._log_group(log, f"/aws/rds/instance/{name}/{log}"))
        acknowledge(
            instance, {"RDS11": "Another port adds no protection: only four security groups can reach the instance."}
        )
        if not self._config.keeps_data:
            acknowledge(
                instance,
                {
                    "RDS3": "Dev is destroyed after each session, and its data can be simulated again.",
                    "RDS10": "Dev is destroyed after each session, which deletion protection would prevent.",
                },
            )
        return instance

    def _login(self, construct_id: str, role: str, name: str | None = None) -> secretsmanager.Secret:
        """Returns the secret of a role's login, with the fields that runtime/database/connection.py reads."""
        login = {
            "host": self.instance.db_instance_endpoint_address,
            "port": self.instance.db_instance_endpoint_port,
            "dbname": DATABASE_NAME,
            "username": role,
        }
        secret = secretsmanager.Secret(
            self,
            construct_id,
            secret_name=name,
            description=f"Login of {role}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=self.to_json_string(login),
                generate_string_key="password",
                exclude_punctuation=True,
                password_length=40,
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(
            secret,
            {
                "SMG4": "Two commands in docs/operations.md rotate the password, first in the secret, then in the"
                " database. The job and the analytics function read the secret whenever they connect."
            },
        )
        return secret

    def _migrate(self) -> None:
        function = self._migration_function()
        migrations = sorted((RUNTIME / "database" / "migrations").glob("*.sql"))
        contents = [(path.name, path.read_text()) for path in migrations]
        resource = CustomResource(
            self,
            "Migrations",
            resource_type="Custom::Migrations",
            service_token=function.function_arn,
            service_timeout=function.timeout,
            properties={
                # A changed property makes CloudFormation run the migrations again.
                "Files": hashlib.sha256(json.dumps(contents).encode()).hexdigest(),
                "Logins": [login.secret_arn for login in self._logins],
            },
        )
        # The migrations need the security groups' rules to reach the database, and no property refers to these rules.
        resource.node.add_dependency(function, self.instance, *self._security_groups)

    def _migration_function(self) -> PythonFunction:
        owner_login = self.instance.secret
        if owner_login is None:
            raise RuntimeError("the instance has no secret for the owner's password: set manage_master_user_password")
        function = PythonFunction(
            self,
            "Migration",
            config=self._config,
            component="database",
            description="Applies the SQL files and sets the passwords of the roles",
            environment={
                "OWNER_SECRET": owner_login.secret_arn,
                "DATABASE_HOST": self.instance.db_instance_endpoint_address,
                "DATABASE_PORT": self.instance.db_instance_endpoint_port,
                "DATABASE_NAME": DATABASE_NAME,
                "LOGIN_SECRETS": ",".join(login.secret_arn for login in self._logins),
            },
            timeout=Duration.minutes(10),
            memory_size=512,
            vpc=self._vpc,
            vpc_subnets=PRIVATE,
            security_groups=[self._security_group("Migration", "Migrations of the database")],
        )
        logins = [secret.secret_arn for secret in (owner_login, *self._logins)]
        function.add_to_role_policy(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=logins))
        function.connections.allow_to_default_port(self.instance)
        function.connections.allow_to_any_ipv4(ec2.Port.HTTPS, "Secrets Manager, and the answer to CloudFormation")
        return function

    def _security_group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            f"{construct_id}SecurityGroup",
            vpc=self._vpc,
            description=description,
            allow_all_outbound=False,
        )
        self._security_groups.append(group)
        return group

    def _log_group(self, construct_id: str, name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            f"{construct_id.capitalize()}Logs",
            log_group_name=name,
            retention=self._config.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
