"""Writes what scripts/check-monitoring gives to promtool and to the TypeScript compiler.

    prepare_dashboards.py FOLDER    FOLDER gets panels.yml and a .ts file for each dashboard
"""

import json
import pathlib
import shutil
import sys

# What Grafana puts in; any duration will do.
VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m"}


def query_of(target):
    query = target["expr"]
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


folder = pathlib.Path(sys.argv[1])
# Beside the dashboards, where the compiler finds the packages.
shutil.copy(pathlib.Path(__file__).parent / "dashboard.ts", folder)
rules = []
for path in sorted(pathlib.Path("deploy/grafana/dashboards").glob("*.json")):
    text = path.read_text()
    source = f'import type {{ OwnDashboard }} from "./dashboard";\nexport const dashboard: OwnDashboard = {text};\n'
    (folder / f"{path.stem}.ts").write_text(source)
    for panel in json.loads(text)["panels"]:
        for target in panel.get("targets", []):
            # A recording rule is the one thing that promtool reads a query in.
            name = f"{path.stem}:panel_{panel['id']}:{target['refId']}".replace("-", "_")
            rules.append({"record": name, "expr": query_of(target)})
# YAML contains JSON.
(folder / "panels.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
print(f"{len(rules)} queries of panels")
