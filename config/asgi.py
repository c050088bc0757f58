import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_asgi_application()

# These need the apps that the line above loads.
from connectors.checks import require_keys  # noqa: E402
from organisation.database import require_safe_role  # noqa: E402

require_safe_role()
require_keys()
