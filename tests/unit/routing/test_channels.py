"""What can be wrong with the organisation's addresses and accounts."""

import pytest

from antiphon.organisation.document import ConfigurationError
from deploy.site import EXAMPLE
from routing.domain.configuration.document import read

NO_ADDRESS = "must be a mail address: ASCII before the at sign, and a host name after it"
NO_HOST = "must be a host name, such as banksia.example"


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
        *(
            ("rates@banksia.example", address, NO_ADDRESS)
            for address in (
                "info@my_host.example",
                "<info@banksia.example>",
                "bürger@banksia.example",
                "a,b@banksia.example",
                "a..b@banksia.example",
                "info@[192.0.2.1]",
            )
        ),
        ("domain: banksia.example", "domain: not a host", NO_HOST),
        ("domain: banksia.example", "domain: info@banksia.example", NO_HOST),
        ("domain: banksia.example", "domain: banksia_city.example", NO_HOST),
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


def test_an_address_and_its_idna_form_are_the_same_address() -> None:
    source = EXAMPLE.read_text().replace("council@banksia.example", "info@bürger.example", 1)
    source = source.replace("rates@banksia.example", "info@xn--brger-kva.example", 1)
    with pytest.raises(ConfigurationError) as refused:
        read(source)
    (fault,) = refused.value.faults
    assert fault.message == "a second account 'info@xn--brger-kva.example'"
