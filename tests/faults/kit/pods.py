"""Pods as processes: the commands, environment, probes and grace of the manifests, without a cluster.

    with cluster("local") as pods:
        pods.roll("jitney-front-end")

What a pod has and a process has not is put in its place: ports are free ones on loopback, secrets are the test's, and
what an image brings lies in the repository.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.admin.rights import Role
from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from tests.contract.users import url_as
from tests.integration.processes import HOST, ROOT, Process, clean_environ, request
from tests.integration.stack import Stack, stack
from tests.manifests import K8S, Rendered, changed
from tests.waiting import until

READY_LIMIT = 120.0  # seconds: several models load side by side
STALE = 2.0  # seconds after a pod's end was decided in which some node still sends it requests
ROLES = {"jitney-front-end": Role.FRONT_END, "jitney-batcher": Role.BATCHER}
EVERY_INTERFACE = "0.0.0.0"


@dataclass(slots=True, kw_only=True)
class Pod(Process):
    """One pod's main container."""

    workload: str
    ports: Mapping[str, int]  # where its named ports are here
    spec: Mapping[str, Any]
    leaving: float | None = None  # when it was decided, `time.monotonic`

    @property
    def container(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.spec["containers"][0]
        return found

    def is_ready(self) -> bool:
        """What its readiness probe says."""
        probe = self.container["readinessProbe"]["httpGet"]
        with contextlib.suppress(OSError, http.client.HTTPException):
            return request("GET", self.ports[probe["port"]], probe["path"], timeout=2.0).status == 200
        return False

    def terminate(self) -> None:
        """As the kubelet does: preStop, SIGTERM, and SIGKILL when the grace is over. Fails if it comes to that."""
        before = self.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        time.sleep(before)
        code = self.stop(self.spec["terminationGracePeriodSeconds"] - before)
        assert code == 0, f"{self.title} ended with {code}:\n{self.stderr()}"


@dataclass(slots=True)
class Pods:
    """Every pod of what was rendered, but for the broker's: that is the test's own."""

    rendered: Rendered
    system: Stack
    files: Mapping[str, Path]  # directories of the images, and where they lie here
    ending: ThreadPoolExecutor
    running: dict[str, list[Pod]] = field(default_factory=dict)

    def start(self, workload: str, **instead: str) -> Pod:
        """One more; it is not ready yet. `instead` are variables that have other values here."""
        spec = self.rendered.pod(workload)["spec"]
        container = spec["containers"][0]
        number = len(self.running.setdefault(workload, []))
        ports = {port["name"]: free_port() for port in container["ports"]}
        output = self.system.directory / f"{workload}-{time.monotonic_ns()}.log"
        with output.open("wb") as sink:
            popen = subprocess.Popen(
                [sys.executable if word == "python" else word for word in container["command"]],
                env=self._environment(workload, container, ports) | instead,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        title = f"{workload} {number + 1}"
        how: dict[str, Any] = {"popen": popen, "output": output, "metrics_port": ports["metrics"]}
        pod = Pod(title=title, workload=workload, ports=ports, spec=spec, **how)
        self.system.cleanup.enter_context(parent_death_guard(pod.pid))
        self.system.cleanup.callback(pod.kill)
        self.running[workload].append(pod)
        return pod

    def start_all(self) -> None:
        """As many of each as it is to have, side by side; on return all are ready."""
        for workload in [name for app in ROLES for name in self.rendered.workloads(app)]:
            for _ in range(self._replicas(workload)):
                self.start(workload)
        for pod in self.all():
            self.wait_ready(pod)
        self.wait_seen(sum(self.rendered.app(pod.workload) == "jitney-batcher" for pod in self.all()))

    def wait_ready(self, pod: Pod) -> None:
        try:
            until(pod.is_ready, f"{pod.title} is ready", within=READY_LIMIT)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{pod.stderr()}") from None

    def wait_seen(self, batchers: int) -> None:
        """Every front end counts on so many."""
        for port in self.endpoints():
            until(lambda at=port: live(at) == batchers, "a front end has seen all batchers")

    def all(self) -> list[Pod]:
        return [pod for pods in self.running.values() for pod in pods]

    def staying(self, *workloads: str) -> list[Pod]:
        """Those of these that nobody has asked to leave."""
        return [pod for workload in workloads for pod in self.running[workload] if pod.leaving is None]

    def endpoints(self) -> list[int]:
        """Ports of front ends that the Service sends requests to: some nodes still to such as are leaving."""
        pods = [pod for pod in self.running["jitney-front-end"] if pod.leaving is None or is_stale(pod)]
        return [pod.ports["http"] for pod in pods if pod.leaving is not None or pod.is_ready()]

    def roll(self, workload: str) -> list[Future[None]]:
        """As a Deployment does that may have one more and never one less; what leaves takes its time meanwhile."""
        ends = []
        for old in self.staying(workload):
            self.wait_ready(self.start(workload))
            old.leaving = time.monotonic()
            ends.append(self.ending.submit(old.terminate))
        return ends

    def apply(self, rendered: Rendered) -> list[Future[None]]:
        """As a cluster does: every workload whose pods are to be others is rolled."""
        before, self.rendered = self.rendered, rendered
        others = [workload for workload in self.running if before.pod(workload) != rendered.pod(workload)]
        return [end for workload in others for end in self.roll(workload)]

    def _replicas(self, workload: str) -> int:
        scaled = {one["spec"]["scaleTargetRef"]["name"]: one for one in self.rendered.of("HorizontalPodAutoscaler")}
        if workload in scaled:
            return int(scaled[workload]["spec"]["minReplicas"])
        return int(self.rendered.workload(workload)["spec"].get("replicas", 1))

    def _environment(self, workload: str, container: Mapping[str, Any], ports: Mapping[str, int]) -> dict[str, str]:
        found = {"PATH": os.environ["PATH"], **clean_environ()}
        for name, value in self.rendered.environment(workload).items():
            found[name] = self._here(
                value, {str(one["containerPort"]): ports[one["name"]] for one in container["ports"]}
            )
        for one in container["env"]:
            if "secretKeyRef" in one.get("valueFrom", {}):
                del found[one["name"]]  # optional ones are not there
        found["JITNEY_REDIS_URL"] = url_as(ROLES[self.rendered.app(workload)], self.system.broker.url)
        return found | {"TMPDIR": str(self.system.directory)}

    def _here(self, value: str, ports: Mapping[str, int]) -> str:
        if value == EVERY_INTERFACE:
            return HOST
        for there, here in self.files.items():
            value = re.sub(f"{re.escape(there)}$", str(here), value)
        return str(ports.get(value, value))


def live(port: int) -> int:
    """How many batchers this front end counts on."""
    models = request("GET", port, "/v1/models").json()["models"]
    return sum(int(model["batchers"]) for model in models if model["status"] == "live")


def is_stale(pod: Pod) -> bool:
    return pod.leaving is not None and time.monotonic() - pod.leaving < STALE


@contextlib.contextmanager
def cluster(overlay: str, *components: str, **more: Any) -> Iterator[Pods]:
    """All pods of an overlay (`more`: of a kustomization), ready. Their output is printed when the block fails."""
    with stack(models=(), front_ends=0) as system, ThreadPoolExecutor(16) as ending:
        rendered = changed(overlay, *components, **more)
        pods = Pods(rendered, system, baked(K8S / "overlays" / overlay / "Dockerfile"), ending)
        try:
            pods.start_all()
            yield pods
        except BaseException:
            print(*(f"--- {pod.title}\n{pod.stderr()}" for pod in pods.all()), sep="\n", file=sys.stderr)
            raise


def baked(dockerfile: Path) -> dict[str, Path]:
    """What this file copies into its image, whose context is demo/."""
    copies = re.findall(r"^COPY (\S+) (\S+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    return {there: ROOT / "demo" / here for here, there in copies}
