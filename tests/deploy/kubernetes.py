# SPDX-License-Identifier: GPL-2.0-or-later
"""The manifests and the Helm chart: against the schemas of Kubernetes and of the Prometheus operator, and each other."""

import copy
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import common
from common import testlib

common.need_node("kubernetes-models", "@kubernetes-models/prometheus-operator")
try:
    import yaml
except ImportError:
    testlib.skip("python3-yaml is not installed")

HERE = common.path("kubernetes")
GO_LIBRARIES = "/usr/share/gocode/src"
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")
KINDS = {
    "exporter": ["DaemonSet", "Namespace", "NetworkPolicy", "ServiceAccount"],
    "operator": ["PodMonitor", "PrometheusRule"],
}
TLS = yaml.safe_load(common.read("kubernetes", "values-tls.yaml"))
OPERATOR = {"prometheus": {"podMonitor": {"enabled": True}}, "prometheusRule": {"enabled": True}}

# What a rendering with these values must be: valid, and as the function says.
VARIANTS = {
    "an image by its digest": (
        {"image": {"registry": "registry.example.org", "repository": "a/b", "digest": "sha256:0123"}},
        lambda all: container(all)["image"] == "registry.example.org/a/b@sha256:0123"),
    "an image by its tag": (
        {"image": {"tag": "v9", "pullPolicy": "Always"}, "imagePullSecrets": [{"name": "secret"}]},
        lambda all: container(all)["image"] == "conntrack-exporter:v9" and
        pod(all)["imagePullSecrets"] == [{"name": "secret"}]),
    "another port": (
        {"service": {"port": 16960, "portName": "http", "enabled": True, "servicePort": 80}},
        lambda all: container(all)["args"] == ["--web.listen-address=:16960"] and
        container(all)["ports"] == [{"name": "http", "containerPort": 16960, "protocol": "TCP"}] and
        container(all)["readinessProbe"]["httpGet"]["port"] == "http" and
        one(all, "Service")["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}] and
        one(all, "NetworkPolicy")["spec"]["ingress"][0]["ports"] == [{"port": "http", "protocol": "TCP"}]),
    "the node's own address": (
        {"service": {"listenOnAllInterfaces": False}},
        lambda all: container(all)["args"] == ["--web.listen-address=[$(HOST_IP)]:10066"] and
        container(all)["env"] == [{"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}]),
    "other names": (
        {"fullnameOverride": "full", "nameOverride": "short", "namespaceOverride": "space", "commonLabels": {"team": "net"}},
        lambda all: {o["metadata"]["name"] for o in all} == {"full"} and
        {o["metadata"]["namespace"] for o in all} == {"space"} and
        {o["metadata"]["labels"]["team"] for o in all} == {"net"} and
        pod(all)["serviceAccountName"] == "full"),
    "a service account that is there": (
        {"serviceAccount": {"create": False, "name": "given"}},
        lambda all: not named(all, "ServiceAccount") and pod(all)["serviceAccountName"] == "given"),
    "the default service account": (
        {"serviceAccount": {"create": False}, "networkPolicy": {"enabled": False}},
        lambda all: [o["kind"] for o in all] == ["DaemonSet"] and pod(all)["serviceAccountName"] == "default"),
    "all that a pod can have": (
        {"podLabels": {"a": "b"}, "podAnnotations": {"c": "d"}, "priorityClassName": "system-node-critical",
         "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
             {"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}},
         "tolerations": [], "nodeSelector": {"kubernetes.io/os": None, "x": "z"},
         "resources": {"limits": {"memory": "64Mi"}}, "extraArgs": ["--collector.talkers"],
         "extraVolumes": [{"name": "v", "emptyDir": {}}], "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}],
         "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "metrics"}},
         "serviceAccount": {"annotations": {"e": "f"}}},
        lambda all: "tolerations" not in pod(all) and pod(all)["nodeSelector"] == {"x": "z"} and
        container(all)["args"][1:] == ["--collector.talkers"] and container(all)["livenessProbe"] and
        one(all, "DaemonSet")["spec"]["template"]["metadata"]["labels"]["a"] == "b"),
    "a PodMonitor with everything": (
        {"prometheus": {"podMonitor": {
            "enabled": True, "namespace": "prom", "additionalLabels": {"release": "r"}, "sampleLimit": 5000000,
            "labelLimit": 20, "attachMetadata": {"node": True}, "endpoint": {
                "interval": "30s", "scrapeTimeout": "10s", "scheme": "https", "tlsConfig": {"insecureSkipVerify": True},
                "basicAuth": {"username": {"name": "s", "key": "u"}, "password": {"name": "s", "key": "p"}},
                "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "process_.*"}]}}}},
        lambda all: one(all, "PodMonitor")["spec"]["sampleLimit"] == 5000000 and
        one(all, "PodMonitor")["metadata"]["namespace"] == "prom" and
        one(all, "PodMonitor")["spec"]["namespaceSelector"]["matchNames"] == ["space"]),
    "TLS and a login, as in the example": (
        {**TLS, "prometheus": {"podMonitor": {**TLS["prometheus"]["podMonitor"], "enabled": True}}},
        lambda all: container(all)["args"][1:] == ["--web.config.file=/etc/conntrack_exporter/web.yml"] and
        container(all)["volumeMounts"] == [{"name": "web", "mountPath": "/etc/conntrack_exporter", "readOnly": True}] and
        pod(all)["volumes"] == [{"name": "web", "secret": {"secretName": "conntrack-exporter-web", "defaultMode": 0o400}}] and
        container(all)["readinessProbe"]["httpGet"] == {
            "scheme": "HTTPS", "path": "/-/ready", "port": "metrics",
            "httpHeaders": [{"name": "Authorization", "value": "Basic cHJvYmU6UEFTU1dPUkQ="}]} and
        one(all, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["scheme"] == "https" and
        one(all, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["targetLabel"] == "instance"),
    "TLS that wants certificates of clients": (
        {**TLS, "readinessProbe": {"httpGet": None, "tcpSocket": {"port": "metrics"}}},
        lambda all: container(all)["readinessProbe"] == {"tcpSocket": {"port": "metrics"}, "timeoutSeconds": 1}),
    "a ServiceMonitor": (
        {"service": {"enabled": True}, "prometheus": {"monitor": {"enabled": True, "endpoint": {"interval": "1m"}}}},
        lambda all: one(all, "ServiceMonitor")["spec"]["endpoints"][0]["port"] ==
        one(all, "Service")["spec"]["ports"][0]["name"]),
    "rules of one's own": (
        {"prometheusRule": {"enabled": True, "additionalLabels": {"role": "alert-rules"}, "rules": [
            {"alert": "Mine", "expr": "conntrack_entries > 1", "annotations": {"summary": "{{ $value }}"}}]}},
        lambda all: one(all, "PrometheusRule")["spec"]["groups"][-1]["rules"][0]["annotations"]["summary"] ==
        "{{ $value }}" and one(all, "PrometheusRule")["metadata"]["labels"]["role"] == "alert-rules"),
    "runbooks elsewhere": (
        {"prometheusRule": {"enabled": True, "runbookUrl": "https://wiki.example.net/ct"}},
        lambda all: [rule["annotations"]["runbook_url"] for group in one(all, "PrometheusRule")["spec"]["groups"]
                     for rule in group["rules"] if "alert" in rule and
                     rule["annotations"]["runbook_url"] != f"https://wiki.example.net/ct/{rule['alert']}.md"] == []),
    "other ports of probes and of the service": (
        {"service": {"enabled": True, "targetPort": 10066}, "readinessProbe": {"httpGet": {"port": 10066}},
         "livenessProbe": {"tcpSocket": {"port": "{{ .Values.service.portName }}"}}},
        lambda all: one(all, "Service")["spec"]["ports"][0]["targetPort"] == 10066 and
        container(all)["readinessProbe"]["httpGet"]["port"] == 10066 and
        container(all)["livenessProbe"]["tcpSocket"]["port"] == "metrics"),
    "other manifests": (
        {"extraManifests": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": '{{ include "conntrack-exporter.fullname" . }}-a'}},
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-b\n"]},
        lambda all: [one(all, kind)["metadata"]["name"] for kind in ("ConfigMap", "Secret")] ==
        ["release-conntrack-exporter-a", "release-b"]),
}


def named(objects, kind):
    return [o for o in objects if o["kind"] == kind]


def one(objects, kind):
    found, = named(objects, kind)
    return found


def pod(objects):
    return one(objects, "DaemonSet")["spec"]["template"]["spec"]


def container(objects):
    only, = pod(objects)["containers"]
    return only


def load(text):
    return [found for found in yaml.safe_load_all(text) if found]


def write(name, value):
    with open(name, "w", encoding="utf-8") as file:
        yaml.safe_dump(value, file)


def plain(folder):
    """The objects in exporter/ or operator/."""
    return [found for name in sorted(os.listdir(os.path.join(HERE, folder))) if name != "kustomization.yaml"
            for found in load(common.read("kubernetes", folder, name))]


def complaints(objects):
    """What the schemas say against each object."""
    return json.loads(common.node("kubernetes.js", input=json.dumps(objects)))


def without_helm(value):
    """The same without the labels that name Helm."""
    if isinstance(value, dict):
        return {key: without_helm(inner) for key, inner in value.items() if key not in OF_HELM}
    if isinstance(value, list):
        return [without_helm(inner) for inner in value]
    return value


class Manifests(testlib.TestCase):
    def setUp(self):
        self.all = {folder: plain(folder) for folder in KINDS}

    def test_valid(self):
        for folder, objects in self.all.items():
            self.assertEqual(sorted(o["kind"] for o in objects), KINDS[folder])
            self.assertEqual(complaints(objects), [[]] * len(objects))

    def test_invalid_is_refused(self):
        def broken(change):
            daemon_set = copy.deepcopy(one(self.all["exporter"], "DaemonSet"))
            change(daemon_set, daemon_set["spec"]["template"]["spec"], container([daemon_set]))
            return daemon_set

        objects = [
            broken(lambda all, pod, container: container.update(imagePullPolice="Always")),
            broken(lambda all, pod, container: container["securityContext"].update(readOnlyRootFilesystem="yes")),
            broken(lambda all, pod, container: container["ports"][0].pop("containerPort")),
            broken(lambda all, pod, container: pod.update(hostNetwork=1)),
            broken(lambda all, pod, container: all["spec"].pop("selector")),
            broken(lambda all, pod, container: all["metadata"]["labels"].update(version=0.1)),
            broken(lambda all, pod, container: all.update(kind="DaemonSett")),
            {**one(self.all["operator"], "PodMonitor"), "spec": {"podMetricsEndpoint": [], "selector": {}}},
            {**one(self.all["operator"], "PrometheusRule"), "spec": {"groups": [{"name": "a", "rules": [{"alert": "A"}]}]}},
        ]
        self.assertEqual([bool(said) for said in complaints(objects)], [True] * len(objects))

    def test_least_privilege(self):
        objects = self.all["exporter"]
        spec, only = pod(objects), container(objects)
        self.assertEqual(only["securityContext"], {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}})
        self.assertEqual(spec["securityContext"], {
            "runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}})
        self.assertTrue(spec["hostNetwork"])
        self.assertFalse(spec["automountServiceAccountToken"])
        for absent in ("hostPID", "hostIPC", "volumes", "initContainers"):
            self.assertNotIn(absent, spec)
        self.assertEqual(spec["nodeSelector"], {"kubernetes.io/os": "linux"})
        self.assertEqual(spec["tolerations"], [{"effect": "NoSchedule", "operator": "Exists"}])
        self.assertEqual(one(objects, "DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"], {"maxUnavailable": 1})
        self.assertEqual(one(objects, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "privileged")

    def test_they_find_each_other(self):
        objects = self.all["exporter"] + self.all["operator"]
        template = one(objects, "DaemonSet")["spec"]["template"]
        space = one(objects, "Namespace")["metadata"]["name"]
        self.assertEqual({o["metadata"]["namespace"] for o in objects if o["kind"] != "Namespace"}, {space})
        for selector in (one(objects, "DaemonSet")["spec"]["selector"], one(objects, "PodMonitor")["spec"]["selector"],
                         one(objects, "NetworkPolicy")["spec"]["podSelector"]):
            self.assertEqual(selector["matchLabels"].keys(), {"app.kubernetes.io/name", "app.kubernetes.io/instance"})
            self.assertLessEqual(selector["matchLabels"].items(), template["metadata"]["labels"].items())
        port, = container(objects)["ports"]
        self.assertEqual(container(objects)["args"], [f"--web.listen-address=:{port['containerPort']}"])
        self.assertEqual(port["containerPort"], 10066)
        self.assertEqual(container(objects)["readinessProbe"]["httpGet"]["port"], port["name"])
        self.assertEqual(one(objects, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"], port["name"])
        self.assertEqual(one(objects, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"], port["name"])
        self.assertEqual(one(objects, "ServiceAccount")["metadata"]["name"], pod(objects)["serviceAccountName"])

    def test_arguments_and_probes_are_answered(self):
        only = container(self.all["exporter"])
        exporter = self.exporter(*[arg.replace("=:", "=127.0.0.1:") for arg in only["args"]])
        self.assertEqual(exporter.port, only["ports"][0]["containerPort"])
        self.assertEqual(exporter.request(only["readinessProbe"]["httpGet"]["path"]).status, 200)

    def test_the_address_of_a_node_in_brackets_is_taken(self):
        for address in ("[127.0.0.1]", "[::1]"):
            self.assertEqual(self.exporter(f"--web.listen-address={address}:0").request("/-/ready").status, 200)

    def test_rules_are_those_of_prometheus(self):
        folder = common.path("prometheus", "rules")
        groups = [group for name in sorted(os.listdir(folder)) for group in
                  yaml.safe_load(common.read("prometheus", "rules", name))["groups"]]
        self.assertGreater(len(groups), 1)
        self.assertEqual(one(self.all["operator"], "PrometheusRule")["spec"]["groups"], groups)

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
    def test_kustomize(self):
        for folder, parts in (("exporter", ["exporter"]), ("operator", ["operator"]), (".", ["exporter", "operator"])):
            made = load(testlib.run("kubectl", "kustomize", os.path.join(HERE, folder)))
            wanted = [o for part in parts for o in self.all[part]]
            self.assertEqual(sorted(made, key=lambda o: o["kind"]), sorted(wanted, key=lambda o: o["kind"]))

    @unittest.skipUnless(shutil.which("yamllint"), "yamllint is not installed")
    def test_yamllint(self):
        files = [os.path.join(folder, name) for folder, _, names in os.walk(HERE) for name in names
                 if name.endswith(".yaml") and "templates" not in folder]
        self.assertGreater(len(files), 8)
        testlib.run("yamllint", "--strict", "-d", common.YAMLLINT, *files)


class Chart(testlib.TestCase):
    """Rendered by the template engine and the functions that Helm has."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("go"):
            raise unittest.SkipTest("golang-go is not installed")
        for package, folder in (("golang-github-masterminds-sprig-dev", "github.com/Masterminds/sprig"),
                                ("golang-k8s-sigs-yaml-dev", "sigs.k8s.io/yaml")):
            if not os.path.isdir(os.path.join(GO_LIBRARIES, folder)):
                raise unittest.SkipTest(f"{package} is not installed")
        cls.folder = cls.enter_class(tempfile.TemporaryDirectory())
        cls.program = os.path.join(cls.folder, "render")
        cls.env = {**os.environ, "GOCACHE": os.path.join(cls.folder, "go")}
        testlib.run(os.path.join(HERE, "build-render"), cls.program, env=cls.env)

    def render(self, *values, name="release", space="space"):
        """What the values, one over the other, make of the chart."""
        files = []
        for number, value in enumerate(values):
            files.append(os.path.join(self.folder, f"{number}.yaml"))
            write(files[-1], value)
        return load(testlib.run(self.program, os.path.join(HERE, "chart"), name, space, *files))

    def test_the_manifests_are_made_of_it(self):
        own = [o for o in plain("exporter") if o["kind"] != "Namespace"]
        for values, wanted in (([], own), ([OPERATOR], own + plain("operator"))):
            made = self.render(*values, name="conntrack-exporter", space="conntrack-exporter")
            self.assertEqual(complaints(made), [[]] * len(made))
            for o in made:
                self.assertEqual(o["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm")
            self.assertEqual(sorted(without_helm(made), key=lambda o: o["kind"]), sorted(wanted, key=lambda o: o["kind"]))

    def test_the_manifests_are_current(self):
        testlib.run(os.path.join(HERE, "generate"), self.folder, env=self.env)
        for folder, others in (("exporter", {"kustomization.yaml", "namespace.yaml"}), ("operator", {"kustomization.yaml"})):
            made = os.path.join(self.folder, folder)
            self.assertEqual(set(os.listdir(made)) | others, set(os.listdir(os.path.join(HERE, folder))))
            for name in os.listdir(made):
                with open(os.path.join(made, name), encoding="utf-8") as file:
                    self.assertEqual(file.read(), common.read("kubernetes", folder, name),
                                     f"{folder}/{name}: run deploy/kubernetes/generate")

    def test_names(self):
        self.assertEqual({o["metadata"]["name"] for o in self.render(name="release")}, {"release-conntrack-exporter"})
        self.assertEqual({o["metadata"]["name"] for o in self.render(name="my-conntrack-exporter")},
                         {"my-conntrack-exporter"})

    def test_variants(self):
        renderings = {what: self.render(values) for what, (values, _) in VARIANTS.items()}
        said = iter(complaints([o for objects in renderings.values() for o in objects]))
        for what, objects in renderings.items():
            with self.subTest(what):
                self.assertEqual([next(said) for _ in objects], [[]] * len(objects))
                self.assertTrue(VARIANTS[what][1](objects), yaml.safe_dump_all(objects))

    def test_every_value_is_used(self):
        texts = "".join(common.read("kubernetes", "chart", "templates", name)
                        for name in os.listdir(os.path.join(HERE, "chart", "templates")))
        for key, value in yaml.safe_load(common.read("kubernetes", "chart", "values.yaml")).items():
            self.assertIn(f".Values.{key}", texts)
            passed_on = f"toYaml .Values.{key}" in texts or f"with .Values.{key} }}}}\n" in texts
            for inner in value if isinstance(value, dict) and not passed_on else ():
                self.assertRegex(texts, rf"\.{key}\.{inner}\b|\$monitor\.{inner}\b|\.{inner}\b")

    def test_what_cannot_be_is_refused(self):
        for values, message in (({"prometheus": {"monitor": {"enabled": True}}}, "needs service.enabled"),
                                ({"extraManifests": ["{{ nonsense }}"]}, "nonsense")):
            with self.assertRaisesRegex(RuntimeError, message):
                self.render(values)

    def test_a_chart_without_its_rules_says_so(self):
        chart = os.path.join(self.folder, "chart")
        shutil.copytree(os.path.join(HERE, "chart"), chart, ignore=shutil.ignore_patterns("rules"))
        values = os.path.join(self.folder, "operator.yaml")
        write(values, OPERATOR)
        done = subprocess.run([self.program, chart, "a", "b", values], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("without its rules/", done.stderr)

    def test_version(self):
        about = yaml.safe_load(common.read("kubernetes", "chart", "Chart.yaml"))
        with open(os.path.join(testlib.SOURCE, "meson.build"), encoding="utf-8") as file:
            self.assertIn(f"version: '{about['appVersion']}'", file.read())


if __name__ == "__main__":
    testlib.main()
