from django.contrib import admin
from django.urls import path

from outage.console import alerts, views

app_name = "outages"

_guarded = admin.site.admin_view

urlpatterns = [
    path("", _guarded(views.board), name="board"),
    path("fragment", _guarded(views.board_fragment), name="board-fragment"),
    path("<int:pk>/", _guarded(views.outage), name="page"),
    path("<int:pk>/fragment", _guarded(views.outage_fragment), name="page-fragment"),
    path("<int:pk>/map.json", _guarded(views.outage_map), name="map"),
    path("<int:pk>/transition", _guarded(views.transition), name="transition"),
    path("<int:pk>/alert", _guarded(alerts.alert), name="alert"),
    path("<int:pk>/alerts/<str:identifier>.xml", _guarded(alerts.issued_document), name="issued-alert"),
    path("<int:pk>/acknowledge", _guarded(views.acknowledge), name="acknowledge"),
]
