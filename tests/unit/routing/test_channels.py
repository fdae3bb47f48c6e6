"""What can be wrong with the organisation's addresses and accounts."""

import pytest

from antiphon.organisation.document import ConfigurationError
from deploy.site import EXAMPLE
from routing.domain.configuration.document import read


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("department: rates", "department: rate", "unknown department 'rate', did you mean 'rates'?"),
        ("rates@banksia.example", "Council@banksia.example", "a second account 'Council@banksia.example'"),
        (
            "      name: City of Banksia\n\ncalendars",
            "      name: City of Banksia\n    - { network: bluesky, handle: CityOfBanksia.test, name: Again }\n\ncalendars",
            "a second account 'CityOfBanksia.test' of bluesky",
        ),
    ],
)
def test_an_account_that_is_wrong_is_a_fault_with_its_place(before: str, after: str, message: str) -> None:
    source = EXAMPLE.read_text()
    assert before in source
    with pytest.raises(ConfigurationError) as refused:
        read(source.replace(before, after, 1))
    (fault,) = refused.value.faults
    assert fault.message == message
    assert fault.line > 1
