# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboards are what Grafana's own types allow, and their queries what the grammar of Prometheus 3 allows."""

import json
import os
import subprocess
import tempfile

from common import NODE_MODULES, need_node, node, read, testlib

from dashboards import FILES, HOST, annotations, load, queries, substitute

need_node("@grafana/grafana-foundation-sdk", "@prometheus-io/lezer-promql", "typescript")

TYPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grafana_types.ts")
# What is wrong: what the host's dashboard says, what stands there instead, and what the compiler names.
WRONG = {
    "a mode that a panel does not have": ('"colorMode": "value"', '"colorMode": "loud"', '"loud"'),
    "a misspelt option of a graph": ('"showPoints": "never"', '"showDots": "never"', "'\"showDots\"'"),
    "an override of something that is none": ('"custom.axisPlacement"', '"custom.axisPlace"', '"custom.axisPlace"'),
    "a value of an override": ('"value": "bars"', '"value": "beams"', '"beams"'),
    "a number that names nothing": ('"graphTooltip": 1', '"graphTooltip": 7', "'7'"),
    "a type": ('"instant": true', '"instant": "yes"', "'boolean | undefined'"),
    "a panel that is no more": ('"type": "gauge"', '"type": "graph"', '"graph"'),
    "a misspelt key of a query": ('"editorMode"', '"editorMod"', "'\"editorMod\"'"),
}


class Types(testlib.TestCase):
    def compile(self, **sources):
        """What the compiler has to say, {} of nothing: {name: lines}."""
        directory = self.enter(tempfile.TemporaryDirectory())
        for name, text in sources.items():
            with open(os.path.join(directory, f"{name}.ts"), "w", encoding="utf-8") as file:
                file.write(f'import {{ Dashboard }} from "{TYPES}";\nexport const it: Dashboard = {text};\n')
        sdk = os.path.join(NODE_MODULES, "@grafana", "grafana-foundation-sdk", "dist", "*")
        with open(os.path.join(directory, "tsconfig.json"), "w", encoding="utf-8") as file:
            json.dump({"compilerOptions": {
                "strict": True, "noEmit": True, "skipLibCheck": True, "module": "esnext", "target": "es2020",
                "moduleResolution": "bundler", "allowImportingTsExtensions": True, "types": [],
                "paths": {"sdk/*": [sdk]}}, "files": [f"{name}.ts" for name in sources]}, file)
        done = subprocess.run(["node", os.path.join(NODE_MODULES, "typescript", "bin", "tsc"), "-p", directory,
                               "--pretty", "false"], cwd=directory, capture_output=True, text=True, check=False)
        said, name = {}, None
        for line in done.stdout.splitlines():
            # Further lines about the same begin with spaces.
            name = name if line.startswith(" ") else line.split(".ts(")[0]
            said.setdefault(name, []).append(line)
        self.assertEqual(done.returncode != 0, bool(said), done.stderr)
        return said

    def test_types(self):
        sources = {f"dashboard{n}": read("grafana", "dashboards", name) for n, name in enumerate(FILES)}
        short = load(HOST)
        short["panels"] = short["panels"][:10]
        text = json.dumps(short)
        for n, (right, wrong, _) in enumerate(WRONG.values()):
            self.assertIn(right, text)
            sources[f"wrong{n}"] = text.replace(right, wrong, 1)
        said = self.compile(**sources)
        self.assertEqual({name: lines for name, lines in said.items() if not name.startswith("wrong")}, {})
        for n, (what, (_, _, names)) in enumerate(WRONG.items()):
            with self.subTest(what):
                self.assertIn(names, "\n".join(said.get(f"wrong{n}", [])))

    def test_grammar(self):
        expressions = [substitute(asked["expr"], 60) for name in FILES for dashboard in [load(name)]
                       for asked in [target for _, target in queries(dashboard)] + annotations(dashboard)]
        self.assertGreater(len(expressions), 100)
        errors = json.loads(node("promql.js", input=json.dumps(expressions + ["rate(up[5m]"])))
        self.assertIsNotNone(errors.pop())
        self.assertEqual(errors, [None] * len(expressions))


if __name__ == "__main__":
    testlib.main()
