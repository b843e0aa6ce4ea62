"""Settings of the test suite: the product's own, in a home of its own that is gone afterwards.

SKERRY_TEST_DATABASE_URL points the same tests at PostgreSQL; unset, they run on an SQLite file (a file, not
memory, because writer threads and other processes are part of what is tested).
"""

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="skerry-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
_OF_TESTS = {"SKERRY_TEST_DATABASE_URL", "SKERRY_SCREENSHOTS"}
for _name in [name for name in os.environ if name.startswith("SKERRY_") and name not in _OF_TESTS]:
    del os.environ[_name]
os.environ["SKERRY_HOME"] = _home
if _url := os.environ.get("SKERRY_TEST_DATABASE_URL"):
    os.environ["SKERRY_DATABASE_URL"] = _url

from webadmin.settings import *  # noqa: E402, F403
from webadmin.settings import DATABASES, ENVIRON, INSTALLED_APPS  # noqa: E402

if not os.environ.get("SKERRY_TEST_DATABASE_URL"):
    DATABASES["default"]["TEST"] = {"NAME": str(ENVIRON.cell_dir / "test.sqlite3")}

# Names as they stand: what collecting does to them is tested where it is done (tests/webadmin/web/test_statics.py).
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
INSTALLED_APPS = [*INSTALLED_APPS, "tests.emptying"]
PASSWORD_HASHERS = ["tests.hashers.Argon2AtNoCost"]
