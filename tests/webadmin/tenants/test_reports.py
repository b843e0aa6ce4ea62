"""Reports about a domain's mail: off until somebody switches them on, for one's own domains, and written down."""

from __future__ import annotations

import pytest
from django.test import Client

from mailhost.models import Domain, ReportAddress
from mailhost.provision.receiving import MAX_COUNTED
from tests.webadmin.tenants.conftest import number_of
from webadmin.tenants.models import OwnAct


def where() -> str:
    return f"/tenants/harbour/domains/{number_of('example.is')}/reports/"


def standing() -> tuple[bool, list[str]]:
    domain = Domain.objects.get(name="example.is")
    assert not domain.sends_tls_reports
    sends = domain.sends_dmarc_reports
    return sends, sorted(ReportAddress.objects.values_list("address", flat=True))


def test_all_is_off_and_the_page_says_what_each_costs(ada: Client) -> None:
    page = ada.get(where()).content.decode()
    assert standing() == (False, [])
    assert "those addresses are kept, sealed, for a day or two" in page
    assert "lies here readable for 400 days" in page
    assert "to which domains and hosts mail went" in page
    assert "for the whole host" not in page
    assert "Nothing is told to other domains" in ada.get(where().removesuffix("reports/")).content.decode()


def test_what_is_switched_is_kept_shown_and_written_down_once(ada: Client) -> None:
    for _ in range(2):
        ada.post(where(), {"sends": "on", "counted": "DMARC@example.is, tls@example.is"})
    assert standing() == (True, ["dmarc@example.is", "tls@example.is"])
    page = ada.get(where()).content.decode()
    assert "dmarc@example.is, tls@example.is" in page
    assert "are told how mail in their name" in ada.get(where().removesuffix("reports/")).content.decode()
    assert list(OwnAct.objects.values_list("act", "about")) == [("domain-reports", "example.is")]
    assert "changed what is reported" in ada.get("/tenants/harbour/access/").content.decode()
    ada.post(where(), {"counted": "tls@example.is"})
    assert standing() == (False, ["tls@example.is"])


def test_how_mail_went_out_is_told_by_itself(ada: Client) -> None:
    ada.post(where(), {"sends_tls": "on"})
    domain = Domain.objects.get(name="example.is")
    assert (domain.sends_dmarc_reports, domain.sends_tls_reports) == (False, True)
    page = ada.get(where().removesuffix("reports/")).content.decode()
    assert "are told how encrypted mail reached them" in page
    assert "Nothing is told to other domains" not in page


@pytest.mark.parametrize(
    "counted", ["dmarc@example.no", "nobody", " ".join(f"a{n}@example.is" for n in range(MAX_COUNTED + 1))]
)
def test_only_a_few_addresses_of_the_domain_itself_are_taken(ada: Client, counted: str) -> None:
    answer = ada.post(where(), {"sends": "on", "counted": counted})
    assert answer.status_code == 422
    assert standing() == (False, [])


def test_another_tenants_domain_is_not_there(cleo: Client) -> None:
    number = number_of("example.is")
    assert cleo.post(f"/tenants/fjord/domains/{number}/reports/", {"sends": "on"}).status_code == 404
    assert standing() == (False, [])
