"""What an administrator may set, and the words of a site for what we call by one name each."""

from django import forms

from connectors.contracts.crew import CrewStatus
from connectors.contracts.work_order import WorkStatus
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import TableField, one_of

STATUSES = {
    "WAPPR": WorkStatus.WAITING,
    "APPR": WorkStatus.APPROVED,
    "WSCH": WorkStatus.APPROVED,
    "WMATL": WorkStatus.APPROVED,
    "WPCOND": WorkStatus.APPROVED,
    "INPRG": WorkStatus.IN_PROGRESS,
    "COMP": WorkStatus.COMPLETED,
    "CLOSE": WorkStatus.CLOSED,
    "CAN": WorkStatus.CANCELLED,
}
"""By the internal value of the synonym domain WOSTATUS, which is the same at every site."""

SYNONYMS = dict.fromkeys(("DISPATCH", "DISPATCHED", "DISP", "ACCEPTED", "ENROUTE"), WorkStatus.DISPATCHED.value)
CREW_STATUSES = {
    "AVAILABLE": CrewStatus.AVAILABLE.value,
    "ACTIVE": CrewStatus.AVAILABLE.value,
    "ASSIGNED": CrewStatus.ASSIGNED.value,
    "DISPATCHED": CrewStatus.ASSIGNED.value,
    "ENROUTE": CrewStatus.ENROUTE.value,
    "ONSITE": CrewStatus.ONSITE.value,
    "WORKING": CrewStatus.ONSITE.value,
    "OFFSHIFT": CrewStatus.OFF_SHIFT.value,
    "INACTIVE": CrewStatus.OFF_SHIFT.value,
}


class MaximoForm(HttpSourceForm):
    base_url = AddressField(
        label="Address",
        help_text="Maximo's REST address: https://host/maximo/api with an API key, "
        "https://host/maximo/oslc with a user name and password.",
    )
    sign_in = forms.ChoiceField(
        label="Sign-in",
        choices=(("API_KEY", "API key"), ("BASIC", "User name and password (maxauth)")),
        initial="API_KEY",
        help_text="An API key belongs to a Maximo user; make one for this connector alone.",
    )
    api_key_header = forms.RegexField(
        r"^[A-Za-z0-9-]+$",
        label="API key header",
        initial="apikey",
        required=False,
        help_text="Maximo's own is apikey; a gateway before it may want another.",
        error_messages={"invalid": "A header's name has letters, digits and hyphens."},
    )
    site = forms.RegexField(
        r"^[A-Za-z0-9_-]+$",
        label="Site",
        required=False,
        max_length=100,
        help_text="Read only this site (siteid). Needed where Maximo holds several: their numbers repeat.",
        error_messages={"invalid": "A site's id has letters, digits, hyphens and underscores."},
    )
    asset_structure = forms.CharField(
        label="Object structure of assets", initial="mxapiasset", help_text="Read into equipment."
    )
    work_order_structure = forms.CharField(
        label="Object structure of work orders",
        initial="mxapiwodetail",
        help_text="Read into work orders, with its assignments.",
    )
    crew_structure = forms.CharField(
        label="Object structure of crews", initial="mxapiamcrew", help_text="Read into crews."
    )
    element_attribute = forms.CharField(
        label="GIS id of an asset",
        initial="gisid",
        required=False,
        help_text="The attribute of an asset that holds the GIS id of its network element. A work order is "
        "at the element of its asset.",
    )
    work_order_element_attribute = forms.CharField(
        label="GIS id of a work order",
        required=False,
        help_text="Only if work orders have such an attribute too; then it is used before the asset's.",
    )
    assignment_child = forms.CharField(
        label="Assignments of a work order",
        initial="assignment",
        required=False,
        help_text="The child object of a work order that names its crews. Empty: only the crew of the order itself.",
    )
    work_statuses = TableField(
        label="Work order statuses of this site",
        required=False,
        initial=SYNONYMS,
        check=one_of(tuple(WorkStatus)),
        help_text="One row a line: a status as it is called here = ours. Only for those that say more than "
        "Maximo's internal value, such as ENROUTE = DISPATCHED.",
    )
    crew_status_attribute = forms.CharField(
        label="Attribute of a crew's state",
        initial="fieldstatus",
        required=False,
        help_text="Where it is empty, the crew's status is used.",
    )
    crew_statuses = TableField(
        label="Crew states",
        initial=CREW_STATUSES,
        check=one_of(tuple(CrewStatus)),
        help_text="One row a line: a state as it is called here = ours.",
    )
    crew_stamp_attribute = forms.CharField(
        label="Time of a crew's state",
        initial="changedate",
        required=False,
        help_text="The attribute that says when the state of a crew was reported.",
    )
    latitude_attribute = forms.CharField(
        label="Latitude of a crew",
        initial="latitudey",
        required=False,
        help_text="The attribute with degrees north (WGS 84). Empty: crews have no place.",
    )
    longitude_attribute = forms.CharField(
        label="Longitude of a crew",
        initial="longitudex",
        required=False,
        help_text="The attribute with degrees east (WGS 84).",
    )
    page_size = forms.IntegerField(
        label="Records a page",
        initial=200,
        min_value=1,
        max_value=5_000,
        help_text="No more than Maximo's mxe.oslc.maxpagesize.",
    )
    overlap_minutes = forms.IntegerField(
        label="Overlap of reads of changes (min)",
        initial=5,
        min_value=0,
        max_value=1_440,
        help_text="How far before the newest change each read begins, for transactions that end late.",
    )


class MaximoStreamForm(forms.Form):
    where = forms.CharField(
        label="Only those with",
        required=False,
        max_length=1_000,
        help_text='A condition in the words of oslc.where, such as worktype in ["EM","CM"].',
    )
