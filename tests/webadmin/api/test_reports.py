"""Reports about a domain's mail, switched by a program with the right to change domains, and by no other."""

from __future__ import annotations

from mailhost.models import Domain, ReportAddress
from tests.webadmin.api.conftest import Made, Program
from tests.webadmin.tenants.conftest import number_of

ON = {"sends_dmarc_reports": True, "sends_tls_reports": True, "counted_at": ["DMARC@example.is"]}


def test_all_is_chosen_and_shown(ada: Program) -> None:
    at = f"/tenants/harbour/domains/{number_of('example.is')}"
    assert ada.ask(at)["sends_dmarc_reports"] is False
    chosen = ada("PUT", f"{at}/reports", ON).json()
    assert chosen == {"domain": "example.is", **ON, "counted_at": ["dmarc@example.is"]}
    assert (ada.ask(at)["sends_dmarc_reports"], ada.ask(at)["sends_tls_reports"]) == (True, True)
    assert ada("PUT", f"{at}/reports", ON | {"counted_at": ["dmarc@example.no"]}).status_code == 422
    ada("PUT", f"{at}/reports", {"sends_dmarc_reports": False, "counted_at": []})
    assert not ReportAddress.objects.exists()
    assert ada.ask(at)["sends_tls_reports"] is False


def test_it_takes_the_right_and_ones_own_domain(ada: Program, with_rights: Made) -> None:
    for who, number in ((with_rights("domains:read"), number_of("example.is")), (ada, number_of("example.no"))):
        assert who("PUT", f"/tenants/harbour/domains/{number}/reports", ON).status_code in {403, 404}
    assert not Domain.objects.filter(sends_dmarc_reports=True).exists()
