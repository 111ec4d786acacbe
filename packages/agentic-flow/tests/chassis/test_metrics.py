"""What every service measures of itself."""

import logging

from agentic_flow.chassis.metrics import Metrics


def test_errors_that_are_logged_are_counted_and_none_is_a_figure_too() -> None:
    metrics = Metrics("agent-booster")
    log = logging.getLogger("counted")
    log.propagate = False
    log.addHandler(metrics.log)

    def figure(level: str) -> float | None:
        return metrics.registry.get_sample_value(
            "p0_log_messages_total", {"component": "agent-booster", "level": level}
        )

    assert (figure("warning"), figure("error")) == (0, 0)
    log.info("nothing")
    log.warning("a fault begins")
    log.error("the module does not load")
    log.critical("nothing works")
    assert (figure("warning"), figure("error")) == (1, 2)
