from tests.stacks.conftest import Environment

SUBNETS = {
    "public": {"10.0.1.0/24", "10.0.2.0/24"},
    "private": {"10.0.10.0/24", "10.0.11.0/24"},
    "database": {"10.0.20.0/24", "10.0.21.0/24"},
}


def subnets(environment: Environment) -> dict[str, dict[str, str]]:
    """Logical id by address, by kind."""
    found: dict[str, dict[str, str]] = {}
    for logical_id, subnet in environment.resources("Network", "AWS::EC2::Subnet").items():
        tags = {tag["Key"]: tag["Value"] for tag in subnet["Properties"]["Tags"]}
        found.setdefault(tags["aws-cdk:subnet-name"], {})[subnet["Properties"]["CidrBlock"]] = logical_id
    return found


def routes_to_the_internet(environment: Environment, kind: str) -> list[dict[str, object]]:
    template = environment.templates["Network"].to_json()["Resources"].values()
    tables = {
        resource["Properties"]["RouteTableId"]["Ref"]
        for resource in template
        if resource["Type"] == "AWS::EC2::SubnetRouteTableAssociation"
        and resource["Properties"]["SubnetId"]["Ref"] in subnets(environment)[kind].values()
    }
    return [
        resource["Properties"]
        for resource in template
        if resource["Type"] == "AWS::EC2::Route" and resource["Properties"]["RouteTableId"]["Ref"] in tables
    ]


def endpoints(environment: Environment, kind: str) -> set[str]:
    """The last word of each service's name."""
    return {
        str(endpoint["Properties"]["ServiceName"]).rstrip("'}] ").split(".")[-1]
        for endpoint in environment.resources("Network", "AWS::EC2::VPCEndpoint").values()
        if endpoint["Properties"]["VpcEndpointType"] == kind
    }


def test_the_subnets_have_exactly_the_agreed_addresses(environment: Environment) -> None:
    assert environment.properties("Network", "AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/16"
    assert {kind: set(addresses) for kind, addresses in subnets(environment).items()} == SUBNETS


def test_the_subnets_of_a_kind_lie_in_two_zones(environment: Environment) -> None:
    found = environment.resources("Network", "AWS::EC2::Subnet")
    for addresses in subnets(environment).values():
        zones = [found[logical_id]["Properties"]["AvailabilityZone"] for logical_id in addresses.values()]
        assert [zone["Fn::Select"][0] for zone in zones] == [0, 1]


def test_nothing_in_a_public_subnet_gets_a_public_address_by_itself(environment: Environment) -> None:
    for subnet in environment.resources("Network", "AWS::EC2::Subnet").values():
        assert subnet["Properties"]["MapPublicIpOnLaunch"] is False


def test_the_database_subnets_have_no_way_to_the_internet(environment: Environment) -> None:
    assert routes_to_the_internet(environment, "database") == []


def test_the_private_subnets_of_dev_leave_through_one_nat_gateway(dev: Environment) -> None:
    dev.templates["Network"].resource_count_is("AWS::EC2::NatGateway", 1)
    assert all("NatGatewayId" in route for route in routes_to_the_internet(dev, "private"))
    assert routes_to_the_internet(dev, "private")


def test_production_never_leaves_the_network_of_aws(prod: Environment) -> None:
    prod.templates["Network"].resource_count_is("AWS::EC2::NatGateway", 0)
    assert routes_to_the_internet(prod, "private") == []
    called = {"glue", "kinesis-streams", "secretsmanager", "kms", "sts", "logs", "monitoring"}
    assert endpoints(prod, "Interface") == called


def test_s3_and_glue_are_reached_through_endpoints_everywhere(environment: Environment) -> None:
    assert endpoints(environment, "Interface") >= {"glue"}
    assert endpoints(environment, "Gateway") == {"s3"}


def test_endpoints_take_https_from_the_vpc_and_nothing_else(environment: Environment) -> None:
    group = environment.properties("Network", "AWS::EC2::SecurityGroup")
    (rule,) = group["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("10.0.0.0/16", 443, 443)


def test_every_flow_is_logged_for_as_long_as_other_logs(environment: Environment) -> None:
    flow_log = environment.properties("Network", "AWS::EC2::FlowLog")
    assert flow_log["TrafficType"] == "ALL"
    assert environment.properties("Network", "AWS::Logs::LogGroup")["RetentionInDays"]


def test_nothing_is_in_the_default_security_group(environment: Environment) -> None:
    for stack, logical_id, resource in environment.everything():
        assert "DefaultSecurityGroup" not in str(resource), f"{stack}/{logical_id}"
