"""The API does what its document says."""

from lback.testing import ApiContract

from tickets.models import ANSWER

# Not checked: a cursor is signed, so those that are made up are refused, as texts of its type.
CHECKS = ["positive_data_acceptance"]


def test_the_api_does_what_it_documents(api_contract: ApiContract) -> None:
    report = api_contract.check(permissions=[ANSWER], max_examples=5, skip_checks=CHECKS)

    assert report.operations == report.succeeded
