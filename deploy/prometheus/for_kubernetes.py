"""Writes the rules as a PrometheusRule object, into the kustomize component prometheus-rules.

Usage: python3 -B for_kubernetes.py [--check]

With --check nothing is written; the exit code is 1 if the object does not hold what rules.yaml says.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
OBJECT = HERE.parent / "kustomize/components/prometheus-rules/prometheus-rules.yaml"

HEAD = """\
# Written by deploy/prometheus/for_kubernetes.py from deploy/prometheus/rules.yaml: change that, and run it.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: crossfade
  labels:
    app.kubernetes.io/name: crossfade
spec:
"""


def main(arguments: list[str]) -> int:
    rules = (HERE / "rules.yaml").read_text(encoding="utf-8")
    groups = rules[rules.index("groups:\n") :]
    text = HEAD + "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))
    if arguments != ["--check"]:
        OBJECT.write_text(text, encoding="utf-8")
    elif not OBJECT.exists() or OBJECT.read_text(encoding="utf-8") != text:
        print(f"{OBJECT.name} is not what for_kubernetes.py writes: run it and commit what it writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
