from django.urls import path

from connectors.views import contract_schema, manifest, push_records, wake

urlpatterns = [
    path("registry/manifest", manifest, name="manifest"),
    path("registry/connectors/<uuid:uuid>/records/<slug:name>/<str:version>", push_records, name="push-records"),
    path("registry/connectors/<uuid:uuid>/wake", wake, name="wake"),
    path("contracts/<slug:name>/<str:version>.json", contract_schema, name="contract-schema"),
]
