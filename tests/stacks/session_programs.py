"""A deployed database with a host for tunnels, and programs in place of the AWS CLI, Session Manager's plugin and psql.

The programs record how they were called. As with the real ones, the AWS CLI runs the plugin as its child and ignores
SIGINT meanwhile; the plugin forwards a port of this machine and ends its session at SIGINT. It forwards to this machine
instead of the database's host.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

HOST = "i-0123456789abcdef0"
DATABASE = "database.example"
STACK = "ecommerce-streaming-dev-Database"
SECRET = "ecommerce-streaming-dev-analyst-login"
LOGIN = {"host": DATABASE, "port": "5432", "dbname": "analytics", "username": "pipeline_analyst", "password": "s3cret"}

AWS = """
import signal, subprocess
record("aws", arguments=sys.argv[1:])
refusal = folder / "refusal"
if refusal.exists():
    sys.exit(refusal.read_text())
signal.signal(signal.SIGINT, signal.SIG_IGN)
parameters = json.loads(sys.argv[sys.argv.index("--parameters") + 1])
ports = [parameters["localPortNumber"][0], parameters["portNumber"][0]]
sys.exit(subprocess.run([str(folder / "session-manager-plugin"), *ports]).returncode)
"""

PLUGIN = """
import contextlib, signal, socket, threading, time
record("plugin", arguments=sys.argv[1:], local_host=os.environ["SSM_PLUGIN_LOCAL_HOST"])

def end(*_):
    record("end")
    os._exit(0)

signal.signal(signal.SIGINT, end)
while (folder / "deaf").exists():
    time.sleep(0.05)

def copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

def forward(client):
    with contextlib.suppress(OSError):
        database = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        threading.Thread(target=copy, args=(client, database), daemon=True).start()
        copy(database, client)

server = socket.create_server((os.environ["SSM_PLUGIN_LOCAL_HOST"], int(sys.argv[1])))
while True:
    threading.Thread(target=forward, args=(server.accept()[0],), daemon=True).start()
"""

PSQL = """
import signal, socket, time
login = {name: value for name, value in os.environ.items() if name.startswith("PG")}
socket.create_connection((login["PGHOSTADDR"], int(login["PGPORT"]))).close()
signal.signal(signal.SIGINT, lambda *_: record("cancelled"))
record("psql", arguments=sys.argv[1:], login=login, authorities=open(login["PGSSLROOTCERT"]).read())
if "--wait" in sys.argv:
    while not (folder / "finish").exists():
        time.sleep(0.05)
sys.exit(3)
"""

HEAD = """#!{python}
import json, os, sys
from pathlib import Path
folder = Path(__file__).parent

def record(name, **values):
    unfinished = folder / (name + ".unfinished")
    unfinished.write_text(json.dumps(values | {{"pid": os.getpid()}}))
    unfinished.rename(folder / (name + ".json"))
"""


def install(folder: Path) -> None:
    """Writes the three programs to `folder`."""
    for name, body in (("aws", AWS), ("session-manager-plugin", PLUGIN), ("psql", PSQL)):
        program = folder / name
        program.write_text(HEAD.format(python=sys.executable) + body)
        program.chmod(0o755)


def recorded(folder: Path, name: str) -> dict[str, Any]:
    """Returns what a program recorded: `aws`, `plugin` or `psql` when it started, `cancelled` or `end` at a SIGINT."""
    record: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return record


def has_recorded(folder: Path, name: str) -> bool:
    return (folder / f"{name}.json").exists()


@contextmanager
def deployed(outputs: Mapping[str, str], login: Mapping[str, str]) -> Iterator[None]:
    """Deploys a stack with these outputs and the login to the emulator, within the block."""
    cloudformation, secrets = boto3.client("cloudformation"), boto3.client("secretsmanager")
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}}
    body = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    secrets.create_secret(Name=SECRET, SecretString=json.dumps(login))
    try:
        yield
    finally:
        secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        cloudformation.delete_stack(StackName=STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
