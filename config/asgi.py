import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_asgi_application()

from organisation.database import require_safe_role  # noqa: E402  # needs the apps that the line above loads

require_safe_role()
