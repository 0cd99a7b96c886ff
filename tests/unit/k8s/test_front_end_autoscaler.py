"""Front ends are scaled by processor time, and by nothing that a card would have to give."""

from __future__ import annotations

from tests.manifests import render

AUTOSCALER = render("gpu").named("HorizontalPodAutoscaler", "jitney-front-end")["spec"]


def test_it_scales_front_ends_and_their_number_is_written_nowhere_else():
    target = AUTOSCALER["scaleTargetRef"]

    assert (target["kind"], target["name"]) == ("Deployment", "jitney-front-end")
    assert "replicas" not in render("gpu").workload("jitney-front-end")["spec"]  # else every apply would set it back


def test_it_asks_for_processor_time_alone_and_for_less_than_the_one_core_that_a_front_end_can_use():
    [metric] = AUTOSCALER["metrics"]

    assert (metric["type"], metric["resource"]["name"]) == ("Resource", "cpu")
    assert metric["resource"]["target"] == {"type": "AverageValue", "averageValue": "650m"}


def test_two_survive_the_loss_of_one():
    assert AUTOSCALER["minReplicas"] == 2
    assert render("local").named("HorizontalPodAutoscaler", "jitney-front-end")["spec"]["minReplicas"] == 2
