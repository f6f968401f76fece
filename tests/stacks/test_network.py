from tests.stacks.conftest import Environment

SUBNETS = {
    "public": {"10.0.1.0/24", "10.0.2.0/24"},
    "private": {"10.0.10.0/24", "10.0.11.0/24"},
    "database": {"10.0.20.0/24", "10.0.21.0/24"},
}


def subnets(environment: Environment) -> dict[str, dict[str, str]]:
    """Returns the subnets' logical ids by tier and address."""
    tiers: dict[str, dict[str, str]] = {}
    for logical_id, subnet in environment.resources("Network", "AWS::EC2::Subnet").items():
        tags = {tag["Key"]: tag["Value"] for tag in subnet["Properties"]["Tags"]}
        tiers.setdefault(tags["aws-cdk:subnet-name"], {})[subnet["Properties"]["CidrBlock"]] = logical_id
    return tiers


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
    """Returns the last part of the service names of the endpoints of one kind."""
    return {
        str(endpoint["Properties"]["ServiceName"]).rstrip("'}] ").split(".")[-1]
        for endpoint in environment.resources("Network", "AWS::EC2::VPCEndpoint").values()
        if endpoint["Properties"]["VpcEndpointType"] == kind
    }


def test_the_subnets_have_exactly_the_agreed_addresses(environment: Environment) -> None:
    assert environment.properties("Network", "AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/16"
    assert {kind: set(addresses) for kind, addresses in subnets(environment).items()} == SUBNETS


def test_each_tier_has_subnets_in_two_zones(environment: Environment) -> None:
    definitions = environment.resources("Network", "AWS::EC2::Subnet")
    for addresses in subnets(environment).values():
        zones = [definitions[logical_id]["Properties"]["AvailabilityZone"] for logical_id in addresses.values()]
        assert [zone["Fn::Select"][0] for zone in zones] == [0, 1]


def test_no_subnet_assigns_public_addresses_automatically(environment: Environment) -> None:
    for subnet in environment.resources("Network", "AWS::EC2::Subnet").values():
        assert subnet["Properties"]["MapPublicIpOnLaunch"] is False


def test_the_database_subnets_have_no_route_to_the_internet(environment: Environment) -> None:
    assert routes_to_the_internet(environment, "database") == []


def test_dev_private_subnets_reach_the_internet_through_one_nat_gateway(dev: Environment) -> None:
    dev.templates["Network"].resource_count_is("AWS::EC2::NatGateway", 1)
    assert all("NatGatewayId" in route for route in routes_to_the_internet(dev, "private"))
    assert routes_to_the_internet(dev, "private")


def test_production_private_subnets_reach_services_only_through_endpoints(prod: Environment) -> None:
    prod.templates["Network"].resource_count_is("AWS::EC2::NatGateway", 0)
    assert routes_to_the_internet(prod, "private") == []
    services = {"glue", "kinesis-streams", "secretsmanager", "kms", "sts", "logs", "monitoring"}
    assert endpoints(prod, "Interface") == services


def test_s3_and_glue_are_reached_through_endpoints_everywhere(environment: Environment) -> None:
    assert endpoints(environment, "Interface") >= {"glue"}
    assert endpoints(environment, "Gateway") == {"s3"}


def test_endpoints_accept_only_https_from_the_vpc(environment: Environment) -> None:
    group = environment.properties("Network", "AWS::EC2::SecurityGroup")
    (rule,) = group["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("10.0.0.0/16", 443, 443)


def test_every_flow_is_logged_with_a_retention(environment: Environment) -> None:
    flow_log = environment.properties("Network", "AWS::EC2::FlowLog")
    assert flow_log["TrafficType"] == "ALL"
    assert environment.properties("Network", "AWS::Logs::LogGroup")["RetentionInDays"]


def test_no_resource_uses_the_default_security_group(environment: Environment) -> None:
    for stack, logical_id, resource in environment.all_resources():
        assert "DefaultSecurityGroup" not in str(resource), f"{stack}/{logical_id}"
