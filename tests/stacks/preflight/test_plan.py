"""The plan against the configuration and the templates."""

from typing import Any

from stacks.config import DEV, PROD
from stacks.network import CALLED_SERVICES
from stacks.preflight.names import KINDS
from stacks.preflight.plan import Database, Plan, physical_names
from tests.stacks.conftest import Environment

# Resources whose names are unique only within another resource of the stacks, or need not be unique.
NAMED_WITHIN_ANOTHER = {
    "AWS::IAM::Policy",  # inline policy of a role
    "AWS::Logs::MetricFilter",  # of a log group
    "AWS::EC2::SecurityGroup",  # of a VPC
    "AWS::Logs::QueryDefinition",
}


def test_a_plan_has_the_figures_of_its_configuration(dev_plan: Plan, prod_plan: Plan) -> None:
    for plan, config in ((dev_plan, DEV), (prod_plan, PROD)):
        assert plan.environments == (config,)
        assert plan.addresses == config.nat_gateways
        assert (plan.vpcs, plan.on_demand_streams, plan.zones) == (1, 2, 2)
        (database,) = plan.databases
        assert database.instance_class == f"db.{config.database_instance}"
        assert database.multi_az == config.database_multi_az


def test_a_plan_has_the_versions_of_the_templates(dev_plan: Plan) -> None:
    assert dev_plan.databases == {Database("postgres", "18", "db.t3.micro", "gp3", multi_az=False)}
    assert dev_plan.runtimes == {("python3.14", "arm64")}
    assert dev_plan.glue_versions == {"6.0"}


def test_a_plan_has_the_stacks_and_their_bootstrap(dev_plan: Plan) -> None:
    stacks = ("Network", "Streams", "Database", "Analytics", "Processing", "Monitoring")
    assert dev_plan.stacks == tuple(f"ecommerce-streaming-dev-{stack}" for stack in stacks)
    assert dev_plan.bootstrap_parameter == "/cdk-bootstrap/hnb659fds/version"
    assert dev_plan.bootstrap_version >= 6


def test_endpoint_services_are_named_in_the_region(dev_plan: Plan, prod_plan: Plan) -> None:
    assert {"com.amazonaws.eu-west-1.s3", "com.amazonaws.eu-west-1.glue"} <= dev_plan.endpoint_services
    assert len(prod_plan.endpoint_services) >= 2 + len(CALLED_SERVICES)


def test_every_prescribed_name_is_looked_up(environment: Environment, dev_plan: Plan, prod_plan: Plan) -> None:
    plan = dev_plan if environment.config is DEV else prod_plan
    looked_up = {name for names in plan.names.values() for name in names}
    for _, logical_id, resource in environment.all_resources():
        kind = resource["Type"]
        if kind.startswith("Custom::") or kind in NAMED_WITHIN_ANOTHER:
            continue
        own_properties = {"Name", f"{kind.rpartition(':')[2]}Name", "FunctionName", "GroupName", "Identifier"}
        for key, value in resource.get("Properties", {}).items():
            if key in own_properties and isinstance(value, str):
                assert value in looked_up, f"{logical_id}: add {kind} to KINDS in stacks/preflight/names.py"


def test_a_name_that_a_stack_prescribes_later_is_looked_up_as_well() -> None:
    resources: list[dict[str, Any]] = [
        {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "orders"}},
        {"Type": "AWS::S3::Bucket"},
        {"Type": "AWS::Events::Rule", "Properties": {"Name": {"Ref": "Other"}}},
        {"Type": "AWS::Glue::Connection", "Properties": {"ConnectionInput": {"Name": "private"}}},
    ]
    assert physical_names(resources) == {
        "AWS::Glue::Connection": frozenset({"private"}),
        "AWS::S3::Bucket": frozenset({"orders"}),
    }
    assert set(KINDS) > set(physical_names(resources))
