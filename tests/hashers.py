"""Django's hasher of operators' passwords at the least cost that Argon2 takes; thieves do not read test databases."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2AtNoCost(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8  # KiB
    parallelism = 1
