"""`python -m stacks.review main`: prints as Markdown how the templates differ from a commit's snapshots.

Needs no credentials. Changes of permissions and ports come first, because a reviewer must not miss them.
"""

import argparse
import difflib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from stacks.bundling import ROOT
from stacks.config import DEV, PROD
from stacks.delivery import Delivery
from stacks.pipeline import PipelineStack
from stacks.stage import StreamingStage

# Snapshots of templates: tests/stacks/__snapshots__/*/test_templates…[dev-Network].json
SNAPSHOTS = "tests/stacks/__snapshots__"
SNAPSHOT = re.compile(r"/test_templates_change_only_when_the_snapshot_does\[(.+)\]\.json$")
HASH = re.compile(r"[0-9a-f]{64}")
SECURITY_TYPES = re.compile(r"^AWS::(IAM::|EC2::SecurityGroup|KMS::Key$|Lambda::Permission$)|Policy$")

# The pipeline's source in a review. The configured source differs between clones, and may be missing.
EXAMPLE = Delivery(
    repository="example/shop",
    connection_arn="arn:aws:codeconnections:us-east-1:111111111111:connection/00000000-0000-0000-0000-000000000000",
)

Templates = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Prints the differences from a commit's snapshots."""
    parser = argparse.ArgumentParser(prog="review", description="Compares the templates with committed snapshots.")
    parser.add_argument("commit", nargs="?", default="HEAD")
    commit = parser.parse_args().commit
    print(markdown(committed(commit), synthesised()))


def synthesised() -> Templates:
    """Returns every template as the tests compare it, by names such as `dev-Network`."""
    # Only the CDK CLI reads cdk.json by itself. No stack is bundled, because a review needs no packages.
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:bundling-stacks": []}
    with tempfile.TemporaryDirectory() as folder:
        app = App(context=context, outdir=folder)
        dev, prod = (StreamingStage(app, config) for config in (DEV, PROD))
        stacks = {
            f"{stage.node.id.lower()}-{stack.node.id}": stack
            for stage in (dev, prod)
            for stack in stage.node.children
            if isinstance(stack, Stack)
        }
        stacks["pipeline"] = PipelineStack(app, "Pipeline", delivery=EXAMPLE, dev=dev, prod=prod)
        return {name: without_hashes(Template.from_stack(stack).to_json()) for name, stack in stacks.items()}


def without_hashes(template: Mapping[str, Any]) -> Any:
    """Returns the template with placeholders for asset hashes: the code of assets has its own tests."""
    return json.loads(HASH.sub("<hash>", json.dumps(template)), object_hook=_sort_resources)


def _sort_resources(value: dict[str, Any]) -> dict[str, Any]:
    """Sorts a statement's resources: CDK orders them by their text, hashes included."""
    if isinstance(value.get("Resource"), list):
        value["Resource"].sort(key=json.dumps)
    return value


def committed(commit: str) -> Templates:
    """Returns the snapshots of a commit by name."""
    paths = _git("ls-tree", "-r", "-z", "--name-only", commit, "--", SNAPSHOTS).split("\0")
    return {
        match[1]: json.loads(_git("show", f"{commit}:{path}")) for path in paths if (match := SNAPSHOT.search(path))
    }


def markdown(before: Templates, after: Templates) -> str:
    """Returns the differences as Markdown, permissions and ports first, or one line when there are none."""
    security: list[str] = []
    others: list[str] = []
    for name in sorted({*before, *after}):
        for kind, text in changes(name, before.get(name, {}), after.get(name, {})):
            (security if SECURITY_TYPES.search(kind) else others).append(text)
    if not security and not others:
        return "The templates match the snapshots."
    parts = [f"{len(security)} changes of permissions and ports, {len(others)} other changes."]
    for title, texts in (("Permissions and ports", security), ("Other changes", others)):
        parts += [f"### {title}", *texts] if texts else []
    return "\n\n".join(parts)


def changes(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the type and the Markdown of each changed entry: a resource, or another entry such as an output."""
    old, new = _entries(before), _entries(after)
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        kind = (new.get(key) or old[key]).get("Type", "") if key[0] == "Resources" else key[0]
        change = "added" if key not in old else "removed" if key not in new else "changed"
        heading = f"**{name}** `{key[1]}` ({kind}) {change}"
        yield kind, f"{heading}\n\n```diff\n{_difference(old.get(key), new.get(key))}\n```"


def _entries(template: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (section, name): value
        for section, values in template.items()
        for name, value in (values if isinstance(values, dict) else {section: {"": values}}).items()
    }


def _difference(old: Any, new: Any) -> str:
    before, after = (
        [] if value is None else json.dumps(value, indent=2, sort_keys=True).splitlines() for value in (old, new)
    )
    return "\n".join(list(difflib.unified_diff(before, after, lineterm=""))[2:])


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(ROOT)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - no shell


if __name__ == "__main__":
    main()
