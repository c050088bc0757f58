from django.contrib import admin
from django.urls import path

from connectors.console import catalogue

app_name = "adapters"
urlpatterns = [
    path("", admin.site.admin_view(catalogue.quality), name="quality"),
    path("<slug:kind>", admin.site.admin_view(catalogue.documentation), name="page"),
]
