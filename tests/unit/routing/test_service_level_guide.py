"""The example of docs/guides/service-levels.md, loaded unchanged."""

import re
from typing import Any

import pytest
import yaml

from antiphon.contracts.work import SlaTarget
from antiphon.organisation.document import ConfigurationError
from deploy.site import EXAMPLE, PROJECT
from routing.domain.configuration.document import Configuration, read

GUIDE = (PROJECT / "docs" / "guides" / "service-levels.md").read_text()


def shown() -> dict[str, Any]:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    return found


def loaded(**sections: Any) -> Configuration:
    organisation = yaml.safe_load(EXAMPLE.read_text()) | shown() | sections
    return read(yaml.safe_dump(organisation, sort_keys=False))


@pytest.mark.parametrize(
    ("kind", "channel", "priority", "within"),
    [
        (SlaTarget.FIRST_RESPONSE, "email", 50, "4:00:00"),
        (SlaTarget.FIRST_RESPONSE, "email", 90, "1:00:00"),
        (SlaTarget.FIRST_RESPONSE, "social", 95, "0:15:00"),
        (SlaTarget.NEXT_RESPONSE, "social", 95, "8:00:00"),
        (SlaTarget.RESOLUTION, "social", 50, "5 days, 0:00:00"),
    ],
)
def test_the_policy_of_the_guide_promises_what_the_guide_says(
    kind: SlaTarget, channel: str, priority: int, within: str
) -> None:
    target = loaded().sla_policies["standard"].target(kind, channel, priority)
    assert target is not None
    assert str(target.within) == within


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"targets": [{"channel": "sozial"}]}, "unknown channel 'sozial', did you mean 'social'?"),
        ({"targets": [{"first_response": {"within": "1h", "calendar": "office"}}]}, "needs a channel or a priority"),
        ({"targets": [{"priority": 9, "resolution": {"within": "1h", "calendar": "offce"}}]}, "did you mean 'office'?"),
        ({"warn_at": ["175%"]}, "from 1% to 99%"),
        ({"warn_at": [0.5]}, "a percentage of the time like 75%"),
        ({"on_breach": {"queue": "front-dsk"}}, "did you mean 'front-desk'?"),
        ({"on_breach": {"notify": ["supervisor"]}}, "did you mean 'supervisors'?"),
        ({"resolution": {"within": "9999d", "calendar": "always"}}, "must be over within 730 days"),
    ],
)  # fmt: skip
def test_a_faulty_policy_is_rejected_with_its_reason(changed: dict[str, Any], message: str) -> None:
    policies = shown()["sla_policies"]
    policies["standard"] = policies["standard"] | changed
    with pytest.raises(ConfigurationError) as refused:
        loaded(sla_policies=policies)
    assert message in str(refused.value)
