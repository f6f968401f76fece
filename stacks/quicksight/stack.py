"""QuickSight on the analyst's views, without a copy of the data. Opt-in: docs/quicksight.md"""

from collections.abc import Sequence

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_quicksight as quicksight
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.config import Config
from stacks.database import DATABASE_NAME, PORT
from stacks.names import QUICKSIGHT_SECRETS_ROLE
from stacks.quicksight.connection import DatabaseConnection
from stacks.quicksight.datasets import Dataset, tables
from stacks.quicksight.definition import DATASETS, definition
from stacks.quicksight.principal import Principal

# QuickSight accepts only whole sets of actions: those of users of a resource, and those of its owners.
# https://docs.aws.amazon.com/quicksight/latest/developerguide/permissions.html
DATA_SOURCE_USER = ("DescribeDataSource", "DescribeDataSourcePermissions", "PassDataSource")
DATASET_USER = (
    "DescribeDataSet", "DescribeDataSetPermissions", "PassDataSet", "DescribeIngestion", "ListIngestions",
)  # fmt: skip
ANALYSIS_OWNER = (
    "RestoreAnalysis", "UpdateAnalysisPermissions", "DeleteAnalysis", "DescribeAnalysisPermissions", "QueryAnalysis",
    "DescribeAnalysis", "UpdateAnalysis",
)  # fmt: skip
DASHBOARD_OWNER = (
    "DescribeDashboard", "ListDashboardVersions", "UpdateDashboardPermissions", "QueryDashboard", "UpdateDashboard",
    "DeleteDashboard", "DescribeDashboardPermissions", "UpdateDashboardPublishedVersion",
)  # fmt: skip


class QuickSightStack(Stack):
    """The connection, the data source, the datasets, the analysis and the published dashboard.

    The principal owns the analysis and the dashboard, and can share both. It can use the datasets and the data source
    for analyses of its own, but not change them: whoever changes a data source decides where QuickSight sends the
    analyst's password.

    Raises:
        ValueError: the configuration has no principal, or a malformed one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        vpc: ec2.Vpc,
        database: rds.DatabaseInstance,
        analyst_login: secretsmanager.Secret,
    ) -> None:
        super().__init__(scope, construct_id, description="QuickSight's datasets and dashboard on the analyst's views")
        self._config = config
        self._principal = config.quicksight_principal or ""
        Principal.parse(self._principal)
        connection = DatabaseConnection(self, "Connection", config=config, vpc=vpc, database=database)
        self._data_source_arn = self._data_source(connection, database, analyst_login)
        arns = {dataset.name: self._dataset(dataset) for dataset in DATASETS}
        name = config.name("attribution")
        self._analysis(name, arns)
        self._dashboard(name, arns)

    def _data_source(
        self, connection: DatabaseConnection, database: rds.DatabaseInstance, analyst_login: secretsmanager.Secret
    ) -> str:
        source = quicksight.CfnDataSource(
            self,
            "DataSource",
            aws_account_id=self.account,
            data_source_id=self._config.name("database"),
            name=self._config.name("database"),
            type="POSTGRESQL",
            data_source_parameters=quicksight.CfnDataSource.DataSourceParametersProperty(
                postgre_sql_parameters=quicksight.CfnDataSource.PostgreSqlParametersProperty(
                    host=database.db_instance_endpoint_address, port=PORT, database=DATABASE_NAME
                )
            ),
            # QuickSight reads the fields `username` and `password`, and ignores the others:
            # https://docs.aws.amazon.com/quicksight/latest/user/secrets-manager-integration-whats-in-secret.html
            credentials=quicksight.CfnDataSource.DataSourceCredentialsProperty(secret_arn=analyst_login.secret_arn),
            ssl_properties=quicksight.CfnDataSource.SslPropertiesProperty(disable_ssl=False),
            vpc_connection_properties=quicksight.CfnDataSource.VpcConnectionPropertiesProperty(
                vpc_connection_arn=connection.arn
            ),
            permissions=[
                quicksight.CfnDataSource.ResourcePermissionProperty(
                    principal=self._principal, actions=_actions(DATA_SOURCE_USER)
                )
            ],
        )
        # QuickSight connects when the data source is created.
        source.node.add_dependency(connection, self._secret_access(analyst_login))
        return source.attr_arn

    def _secret_access(self, analyst_login: secretsmanager.Secret) -> iam.Policy:
        """Lets QuickSight read the analyst's login, by a policy of the account's role for QuickSight and secrets."""
        role = iam.Role.from_role_name(self, "SecretsRole", QUICKSIGHT_SECRETS_ROLE)
        return iam.Policy(
            self,
            "SecretAccess",
            policy_name=self._config.name("analyst-login"),
            roles=[role],
            statements=[
                iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[analyst_login.secret_arn])
            ],
        )

    def _dataset(self, dataset: Dataset) -> str:
        """Creates a dataset that queries the database whenever a visual is shown, and returns its ARN."""
        resource = quicksight.CfnDataSet(
            self,
            f"Dataset {dataset.name}",
            aws_account_id=self.account,
            data_set_id=self._config.name(dataset.name),
            name=self._config.name(dataset.name),
            import_mode="DIRECT_QUERY",
            permissions=[
                quicksight.CfnDataSet.ResourcePermissionProperty(
                    principal=self._principal, actions=_actions(DATASET_USER)
                )
            ],
        )
        for name, table in tables(dataset, self._data_source_arn).items():
            resource.add_property_override(name, table)
        Validations.of(resource).acknowledge(
            Acknowledgment(
                id="CloudFormation-Validate::W9009",
                reason="Logical tables are deprecated and work. Their successor is new, and has not been tried on AWS.",
            )
        )
        return resource.attr_arn

    def _analysis(self, name: str, arns: dict[str, str]) -> None:
        """Creates the analysis. People change copies of it: the next deployment of another definition overwrites it."""
        analysis = quicksight.CfnAnalysis(
            self,
            "Analysis",
            aws_account_id=self.account,
            analysis_id=self._config.name("attribution"),
            name=name,
            permissions=[
                quicksight.CfnAnalysis.ResourcePermissionProperty(
                    principal=self._principal, actions=_actions(ANALYSIS_OWNER)
                )
            ],
        )
        analysis.add_property_override("Definition", definition(arns))

    def _dashboard(self, name: str, arns: dict[str, str]) -> None:
        """Creates the dashboard. QuickSight publishes its first version.

        An update makes a version that is not published. The schema of the type in CloudFormation lists the call that
        publishes it, UpdateDashboardPublishedVersion, for updates. docs/operations.md tells how to verify that.
        """
        dashboard = quicksight.CfnDashboard(
            self,
            "Dashboard",
            aws_account_id=self.account,
            dashboard_id=self._config.name("attribution"),
            name=name,
            permissions=[
                quicksight.CfnDashboard.ResourcePermissionProperty(
                    principal=self._principal, actions=_actions(DASHBOARD_OWNER)
                )
            ],
        )
        # The typed properties of the construct library exist twice, for analyses and for dashboards.
        dashboard.add_property_override("Definition", definition(arns))


def _actions(names: Sequence[str]) -> list[str]:
    return [f"quicksight:{name}" for name in names]
