import django.db.models.deletion
import django.utils.timezone
import organisation.scope
import organisation.tenancy
from django.db import migrations, models

SINCE = "Work orders and estimates from before this moment are about something else."
OPENING = "The opening of its device, once it was read. From then on the network says who is off."


class Migration(migrations.Migration):
    dependencies = [
        ("gis", "0002_row_security"),
        ("organisation", "0001_initial"),
        ("outage", "0002_row_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="NumberSeries",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("year", models.PositiveSmallIntegerField()),
                ("last", models.PositiveIntegerField()),
                (
                    "organisation",
                    organisation.tenancy.OrganisationKey(),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "year"), name="number_series_once_per_year")
                ],
            },
        ),
        migrations.AlterField(
            model_name="outage",
            name="element",
            field=organisation.tenancy.TenantForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="outages", to="gis.networkelement"
            ),
        ),
        migrations.AddField(
            model_name="historicaloutage",
            name="context_since",
            field=models.DateTimeField(default=django.utils.timezone.now, help_text=SINCE),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="outage",
            name="context_since",
            field=models.DateTimeField(default=django.utils.timezone.now, help_text=SINCE),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="historicaloutage",
            name="opening",
            field=organisation.tenancy.TenantForeignKey(
                blank=True,
                help_text=OPENING,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="gis.switchopening",
            ),
        ),
        migrations.AddField(
            model_name="outage",
            name="opening",
            field=organisation.tenancy.TenantForeignKey(
                help_text=OPENING,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outages",
                to="gis.switchopening",
            ),
        ),
        migrations.AddIndex(
            model_name="outage",
            index=models.Index(fields=["organisation", "element", "-detected_at"], name="outage_of_element"),
        ),
        migrations.AddIndex(
            model_name="outage",
            index=models.Index(
                fields=["organisation", "element"],
                condition=models.Q(("status", "RESTORED")),
                name="outage_restored",
            ),
        ),
    ]
