from local.cloud import deployed_job, environment, lifetime, logs
from stacks.config import DEV


def test_resource_names_are_those_of_the_dev_environment() -> None:
    assert {"clicks": DEV.name("clicks"), "checkouts": DEV.name("checkouts")} == environment.STREAMS
    assert DEV.name("orchestrator") == deployed_job.ORCHESTRATOR
    assert DEV.name("data-generator") == environment.GENERATOR
    assert lifetime.instance_folder().name == DEV.name("database")
    assert {
        "analytics": f"/aws/lambda/{DEV.name('analytics')}",
        "generator": f"/aws/lambda/{DEV.name('data-generator')}",
        "job": DEV.log_group_name("attribution-job/output"),
        "migrations": f"/aws/lambda/{DEV.name('database')}",
        "orchestrator": f"/aws/lambda/{DEV.name('orchestrator')}",
    } == logs.GROUPS
