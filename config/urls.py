from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from organisation.middleware import switch_organisation
from outage.console.views import home

urlpatterns = [
    path("", include("api.urls")),
    path("", include("connectors.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("console/organisation", admin.site.admin_view(switch_organisation), name="switch-organisation"),
    path("console/", admin.site.admin_view(home)),
    path("console/outages/", include("outage.console.urls")),
    path("console/adapters/", include("connectors.console.urls")),
    path("console/", admin.site.urls),
]
