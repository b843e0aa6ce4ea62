"""What a tenant's own people did to it: read by them beside what operators did, forgotten after two years."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models import Tenant

MAX_ADDRESS = 320  # the width of a mailbox's address
MAX_ABOUT = 320


class OwnAct(models.Model):
    """One act of one of the tenant's admins. `about` is a domain or address of the tenant, never a correspondent's."""

    KEPT: ClassVar[timedelta] = timedelta(days=731)

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant at who act about why")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False)
    at = models.DateTimeField()
    who = models.CharField(max_length=MAX_ADDRESS)  # the admin's own address
    act = models.CharField(max_length=40)  # a code of `journal.ACTS`
    about = models.CharField(max_length=MAX_ABOUT, blank=True)
    why = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant", "at"], name="own_act_by_tenant")]

    def __str__(self) -> str:
        return f"{self.act} of tenant {self.tenant_id}"
