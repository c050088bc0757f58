from django.urls import path

from api.feeds import alert_document, alert_feed
from api.health import live, ready
from api.views import graphql

urlpatterns = [
    path("graphql", graphql, name="graphql"),
    path("feeds/<slug:organisation>/cap.atom", alert_feed, name="cap-feed"),
    path("feeds/<slug:organisation>/cap/<str:identifier>.xml", alert_document, name="cap-alert"),
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
]
