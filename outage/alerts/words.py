"""What an alert says, in each language that it can be said in. It names no customer, no crew and no cause."""

from dataclasses import dataclass

FEW = 10
"""Fewer customers are not counted in public: they would be known by their neighbours."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """
    The sentences of one language. `{area}`, `{customers}`, `{since}`, `{until}` and `{utility}` are put in.

    :ivar thousands: what stands between thousands
    """

    event: str
    off_headline: str
    back_headline: str
    withdrawn_headline: str
    many: str
    few: str
    some: str
    off: str
    expected: str
    not_known: str
    instruction: str
    back: str
    withdrawn: str
    part_of: str
    thousands: str

    def customers(self, count: int | None) -> str:
        """About how many; `None` if nobody has counted them yet."""
        if count is None:
            return self.some
        if count < FEW:
            return self.few
        rounded = round(count, -1 if count < 1_000 else -2)
        return self.many.format(count=f"{rounded:,}".replace(",", self.thousands))


ENGLISH = Words(
    event="Power outage",
    off_headline="Power outage: {area}",
    back_headline="Power is back: {area}",
    withdrawn_headline="Alert withdrawn: {area}",
    many="About {count} customers",
    few="A few customers",
    some="Customers",
    off="{customers} in this area have had no power since {since}: {area}.",
    expected="{utility} expects power back at {until}.",
    not_known="It is not known yet when power will be back.",
    instruction="Stay away from power lines that are down. Switch off appliances that were in use. If somebody's life "
    "depends on powered equipment, use your backup or call the emergency services.",
    back="Power has been restored in this area: {area}.",
    withdrawn="The alert about a power outage in this area is withdrawn: {area}.",
    part_of="Part of the supply area of {utility}",
    thousands=",",
)

GERMAN = Words(
    event="Stromausfall",
    off_headline="Stromausfall: {area}",
    back_headline="Strom ist wieder da: {area}",
    withdrawn_headline="Meldung zurückgenommen: {area}",
    many="Rund {count} Haushalte und Betriebe",
    few="Einzelne Haushalte und Betriebe",
    some="Haushalte und Betriebe",
    off="{customers} in diesem Gebiet sind seit {since} ohne Strom: {area}.",
    expected="{utility} rechnet damit, dass der Strom um {until} wieder da ist.",
    not_known="Wann der Strom wieder da ist, ist noch nicht bekannt.",
    instruction="Halten Sie Abstand von herabhängenden Leitungen. Schalten Sie Geräte aus, die in Betrieb waren. Wenn "
    "ein Leben von einem elektrischen Gerät abhängt, nutzen Sie die Notversorgung oder rufen Sie den Notruf.",
    back="In diesem Gebiet ist der Strom wieder da: {area}.",
    withdrawn="Die Meldung über einen Stromausfall in diesem Gebiet wird zurückgenommen: {area}.",
    part_of="Teil des Versorgungsgebiets von {utility}",
    thousands=".",
)

FRENCH = Words(
    event="Panne de courant",
    off_headline="Panne de courant : {area}",
    back_headline="Courant rétabli : {area}",
    withdrawn_headline="Alerte retirée : {area}",
    many="Environ {count} clients",
    few="Quelques clients",
    some="Des clients",
    off="{customers} de cette zone sont privés de courant depuis {since} : {area}.",
    expected="{utility} prévoit le retour du courant à {until}.",
    not_known="L'heure du retour du courant n'est pas encore connue.",
    instruction="Ne vous approchez pas des lignes tombées. Éteignez les appareils qui étaient en marche. Si la vie "
    "d'une personne dépend d'un appareil électrique, utilisez l'alimentation de secours ou appelez les secours.",
    back="Le courant est rétabli dans cette zone : {area}.",
    withdrawn="L'alerte de panne de courant pour cette zone est retirée : {area}.",
    part_of="Partie de la zone desservie par {utility}",
    thousands="\u202f",
)

SPANISH = Words(
    event="Corte de luz",
    off_headline="Corte de luz: {area}",
    back_headline="Ha vuelto la luz: {area}",
    withdrawn_headline="Aviso retirado: {area}",
    many="Unos {count} clientes",
    few="Algunos clientes",
    some="Clientes",
    off="{customers} de esta zona están sin luz desde {since}: {area}.",
    expected="{utility} prevé que la luz vuelva a las {until}.",
    not_known="Aún no se sabe cuándo volverá la luz.",
    instruction="No se acerque a cables caídos. Apague los aparatos que estaban en uso. Si la vida de una persona "
    "depende de un aparato eléctrico, use la alimentación de reserva o llame a emergencias.",
    back="La luz ha vuelto a esta zona: {area}.",
    withdrawn="Se retira el aviso de corte de luz en esta zona: {area}.",
    part_of="Parte de la zona de suministro de {utility}",
    thousands=".",
)

LANGUAGES: dict[str, tuple[str, Words]] = {
    "en-GB": ("English (United Kingdom)", ENGLISH),
    "en-US": ("English (United States)", ENGLISH),
    "de-DE": ("German", GERMAN),
    "fr-FR": ("French", FRENCH),
    "es-ES": ("Spanish", SPANISH),
}
"""By RFC 3066 tag, as it stands in `language` (CAP 1.2 §3.2.2)."""
