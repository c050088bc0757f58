from django.urls import path

from connectors.views import cap_schema, contract_schema, manifest, push_records, wake

urlpatterns = [
    path("registry/manifest", manifest, name="manifest"),
    path("registry/connectors/<uuid:uuid>/records/<slug:name>/<str:version>", push_records, name="push-records"),
    path("registry/connectors/<uuid:uuid>/wake", wake, name="wake"),
    path("contracts/cap-alert/1.2.xsd", cap_schema, name="cap-schema"),
    path("contracts/<slug:name>/<str:version>.json", contract_schema, name="contract-schema"),
]
