"""The batcher's settings; each row is a flag and an environment variable."""

from __future__ import annotations

from dataclasses import dataclass

from broker.common.hosts import host_complaint
from broker.messages import POLICIES, Limits
from broker.settings import NAME, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class BatcherSettings:
    """What one batcher serves, and how it batches."""

    model: str = setting(
        "", "what to serve, e.g. translation:DIRECTORY, classification:HUB/NAME, synthetic:10ms+0.5ms, MODULE:CLASS"
    )
    name: str = setting("", "the name it is called by; empty takes one from the model", pattern=f"({NAME})?")
    policy: str = setting(
        "adaptive", "adaptive: wait for callers that are measured to come back; fixed: wait max_wait", choices=POLICIES
    )
    max_wait: float = setting(0.005, "seconds a batch waits for company from its first job, under policy fixed")
    max_batch_size: int = setting(64, "jobs in a batch, 1 to 256")
    max_batch_tokens: int = setting(
        16384, "padded tokens in a pass, tokens in a batch (in flight: of texts under way); a larger job travels alone"
    )
    slo_p99: float = setting(
        0.0,
        "seconds within which 99 % of interactive jobs are to end: policy adaptive sizes its batches for it; 0: off",
    )
    lease: float = setting(2.5, "seconds after which a silent batcher's jobs are taken back")
    max_step: float = setting(60.0, "seconds without progress in the model after which the process ends itself")
    metrics_port: int = setting(9529, "port of /metrics; 0 switches it off")
    metrics_host: str = setting("127.0.0.1", "address that /metrics listens on; 0.0.0.0 for every interface")
    log_level: str = setting("info", "debug, info, warning or error", choices=("debug", "info", "warning", "error"))

    def limits(self) -> Limits:
        """The part that operators may change while it runs."""
        return Limits(
            max_batch_size=self.max_batch_size,
            max_batch_tokens=self.max_batch_tokens,
            max_wait=self.max_wait,
            policy=self.policy,
        )

    def complaints(self) -> list[str]:
        """What is wrong with these settings, in words for the operator."""
        rules = [
            (bool(self.model), "say which model to serve: --model SPEC (or JITNEY_MODEL)"),
            (self.slo_p99 >= 0.0, "slo_p99 must be 0 seconds or more"),
            (not self.slo_p99 or self.policy == "adaptive", "--slo-p99 sizes batches under --policy adaptive only"),
            (0.1 <= self.lease <= 60.0, "lease must be 0.1 to 60 seconds"),
            (self.max_step > self.lease, "max_step must be longer than lease"),
            (0 <= self.metrics_port <= 65535, "metrics_port is a port, 0 to 65535"),
            (not (wrong := host_complaint(self.metrics_host)), f"metrics_host {wrong}"),
        ]
        return [complaint for holds, complaint in rules if not holds] + self.limits().complaints()
