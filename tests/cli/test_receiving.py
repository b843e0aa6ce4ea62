"""`skerry receiving`: what becomes of doubtful mail, and what others report."""

from __future__ import annotations

from datetime import date

from mailhost.models import Domain, ReceivedReport, ReceivingChoice, ReportAddress, ReportedMail, ReportedSessions
from tests.cli.conftest import Skerry


class TestChoosing:
    def test_what_nobody_chose_is_the_default(self, skerry: Skerry, cell: None) -> None:
        assert skerry("receiving", "show", "harbour", "--json").json == {
            "tenant": "harbour",
            "refuse_when_asked": False,
            "refuse_spam": True,
            "trusted_sealers": [],
        }
        assert not ReceivingChoice.objects.exists()

    def test_what_is_given_changes_and_the_rest_stays(self, skerry: Skerry, cell: None) -> None:
        skerry("receiving", "set", "harbour", "--refuse-when-asked", "--trust", "Lists.demo.test", "--trust", "b.test")
        view = skerry("receiving", "set", "harbour", "--junk-spam", "--distrust", "b.test", "--json").json
        assert (view["refuse_when_asked"], view["refuse_spam"]) == (True, False)
        assert view["trusted_sealers"] == ["lists.demo.test"]
        assert "trusted forwarders: lists.demo.test" in skerry("receiving", "show", "harbour").out

    def test_a_dry_run_changes_nothing(self, skerry: Skerry, cell: None) -> None:
        skerry("receiving", "set", "harbour", "--junk-spam", "--dry-run")
        assert skerry("receiving", "show", "harbour", "--json").json["refuse_spam"] is True

    def test_what_is_no_domain_is_refused(self, skerry: Skerry, cell: None) -> None:
        refused = skerry("receiving", "set", "harbour", "--trust", "not a domain", "--json")
        assert refused.code == 1
        assert "is no domain" in refused.json["error"]


class TestReports:
    def test_counts_by_day_reporter_and_network(self, skerry: Skerry, cell: None) -> None:
        domain = Domain.objects.get(name="example.is")
        about = {"domain": domain, "reporter": "Large", "proven": True}
        mail = ReceivedReport.objects.create(kind="dmarc", day=date(2027, 3, 13), digest=b"1" * 16, **about)
        ReportedMail.objects.create(
            report=mail, network="192.0.2.0/24", disposition="none", aligned_dkim=True, aligned_spf=False, messages=7
        )
        tls = ReceivedReport.objects.create(kind="tls", day=date(2027, 3, 12), digest=b"2" * 16, **about)
        ReportedSessions.objects.create(report=tls, policy="sts", result="success", sessions=90)
        ReceivedReport.objects.create(kind="tls", day=date(2027, 1, 1), digest=b"3" * 16, **about)
        rows = skerry("receiving", "reports", "example.is", "--json").json
        assert [(row["day"], row["what"], row["result"], row["count"]) for row in rows] == [
            ("2027-03-13", "192.0.2.0/24", "dmarc pass, none", 7),
            ("2027-03-12", "sts", "tls success", 90),
        ]

    def test_without_any_it_says_how_to_get_some(self, skerry: Skerry, cell: None) -> None:
        assert "SKERRY_REPORTS_ADDRESS" in skerry("receiving", "reports", "example.is").err

    def test_a_domain_elsewhere_is_not_found(self, skerry: Skerry, cell: None) -> None:
        assert "there is no domain" in skerry("receiving", "reports", "other.test", "--json").json["error"]


class TestOwnReports:
    def test_a_domain_sends_them_when_it_is_switched_on(self, skerry: Skerry, cell: None) -> None:
        assert not Domain.objects.get(name="example.is").sends_dmarc_reports
        view = skerry("receiving", "send-reports", "example.is", "--on", "--json").json
        assert view == {"domain": "example.is", "sends_dmarc_reports": True}
        assert Domain.objects.get(name="example.is").sends_dmarc_reports
        assert "sends no DMARC reports" in skerry("receiving", "send-reports", "example.is", "--off").out
        assert not Domain.objects.get(name="example.is").sends_dmarc_reports

    def test_how_mail_went_out_is_switched_by_itself(self, skerry: Skerry, cell: None) -> None:
        view = skerry("receiving", "send-reports", "example.is", "--on", "--tls", "--json").json
        assert view == {"domain": "example.is", "sends_tls_reports": True}
        domain = Domain.objects.get(name="example.is")
        assert (domain.sends_dmarc_reports, domain.sends_tls_reports) == (False, True)
        assert "sends no TLS reports" in skerry("receiving", "send-reports", "example.is", "--off", "--tls").out

    def test_an_address_counts_what_it_gets_when_it_is_switched_on(self, skerry: Skerry, cell: None) -> None:
        view = skerry("receiving", "count-reports", "DMARC@example.is", "--on", "--json").json
        assert view == {"address": "dmarc@example.is", "counts_reports": True}
        assert ReportAddress.objects.get().tenant.slug == "harbour"
        skerry("receiving", "count-reports", "dmarc@example.is", "--off")
        assert not ReportAddress.objects.exists()

    def test_a_dry_run_changes_nothing(self, skerry: Skerry, cell: None) -> None:
        skerry("receiving", "send-reports", "example.is", "--on", "--dry-run")
        skerry("receiving", "count-reports", "dmarc@example.is", "--on", "--dry-run")
        assert not Domain.objects.get(name="example.is").sends_dmarc_reports
        assert not ReportAddress.objects.exists()

    def test_an_address_elsewhere_is_not_ours_to_count_at(self, skerry: Skerry, cell: None) -> None:
        refused = skerry("receiving", "count-reports", "dmarc@other.test", "--on", "--json")
        assert "there is no domain" in refused.json["error"]
