#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What promtool does not ask of dashboards/rules: every alert has its texts, a runbook page, a scenario
that fires it and one that does not; every threshold is used; every selector names the job."""

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNBOOK_URL = "https://github.com/cnproc/cnproc_exporter/blob/main/dashboards/runbooks/{}.md"
SEVERITIES = {"critical", "warning", "info"}
# A metric of the exporter, a recorded series (LEVEL:METRIC:OPERATION) or up, with its matchers. Thresholds
# (cnproc:NAME:threshold) have no labels and are none of these.
SELECTOR = re.compile(r"(?<![\w:])(cnproc_\w+|\w+:cnproc_\w+:\w+|up)\b(\{[^}]*\})?")


def load(folder):
    return [yaml.safe_load(path.read_text()) for path in sorted((ROOT / folder).glob("*.yml"))]


def rules():
    return [rule for file in load("dashboards/rules") for group in file["groups"] for rule in group["rules"]]


def scenarios():
    """For each alert name the set of {True: fires, False: stays quiet} that tests/rules asks for."""
    seen = {}
    for file in load("tests/rules"):
        for test in file["tests"]:
            for case in test.get("alert_rule_test", []):
                seen.setdefault(case["alertname"], set()).add(bool(case.get("exp_alerts")))
    return seen


def alert_problems(rule, seen):
    name = rule["alert"]
    if not re.fullmatch(r"Cnproc([A-Z][a-z0-9]+)+", name):
        yield "is not CamelCase with the prefix Cnproc"
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"has no severity of {sorted(SEVERITIES)}"
    for key in ("summary", "description"):
        if not rule.get("annotations", {}).get(key):
            yield f"has no {key}"
    if rule.get("annotations", {}).get("runbook_url") != RUNBOOK_URL.format(name):
        yield f"has not the runbook_url {RUNBOOK_URL.format(name)}"
    if not (ROOT / f"dashboards/runbooks/{name}.md").is_file():
        yield f"has no page dashboards/runbooks/{name}.md"
    if True not in seen.get(name, ()):
        yield "has no scenario in tests/rules that fires it"
    if False not in seen.get(name, ()):
        yield "has no scenario in tests/rules that leaves it quiet (exp_alerts: [])"


def selector_problems(expr):
    for name, matchers in SELECTOR.findall(expr):
        if 'job="cnproc"' not in matchers:
            yield f'selects {name} without job="cnproc", which the server replaces'


def main():
    problems = []
    seen = scenarios()
    all_rules = rules()
    text = " ".join(str(rule["expr"]) for rule in all_rules)
    for rule in all_rules:
        name = rule.get("alert") or rule["record"]
        found = list(selector_problems(str(rule["expr"])))
        if "alert" in rule:
            found += alert_problems(rule, seen)
        if name.endswith(":threshold") and f"({name})" not in text:
            found.append("is a threshold that no rule reads")
        problems += [f"{name} {problem}" for problem in found]
    alerts = {rule["alert"] for rule in all_rules if "alert" in rule}
    thresholds = {rule["record"] for rule in all_rules if "record" in rule}
    problems += [f"{name} has a scenario but no rule" for name in seen.keys() - alerts]
    problems += [f"{name} is read but not defined" for name in set(re.findall(r"cnproc:\w+:threshold", text)) - thresholds]
    pages = {path.stem for path in (ROOT / "dashboards/runbooks").glob("Cnproc*.md")}
    problems += [f"dashboards/runbooks/{name}.md has no alert" for name in pages - alerts]
    for problem in problems:
        print(f"rules: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
