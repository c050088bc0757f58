"""One page: raw records are read, bad ones are set aside, the rest lands in its domain. In the caller's transaction."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
import orjson
from django.conf import settings
from django.db import DataError, connection, transaction
from django.utils.module_loading import import_string

from connectors.contracts.base import Record, contract_id
from connectors.landing import ContractWiring, GoneKeys, Landed, Landing, SetAside, Wiring
from connectors.models import Lease, Mode, OutboxItem, OutboxKind, RejectedRecord
from connectors.protocols.adapter import Page, ReadsMany
from connectors.protocols.errors import BadConfig, BadRecord, ContractBroken
from connectors.services.storable import are_storable, check_storable

Read = Callable[[Any], Record | None] | ReadsMany

LONGEST_RAW = 200_000
MOST_NEW_OF_A_READ = 1_000
MOST_UNSETTLED_OF_A_STREAM = 10_000
"""More than so many are counted, and not kept: a source that is broken must not fill the disk."""


def contract_wiring() -> ContractWiring:
    """Which landing serves which contract: `config.wiring`, the one import by string."""
    wiring: ContractWiring = import_string(settings.CONTRACT_WIRING)
    return wiring


def wiring_of(contract: str) -> Wiring:
    """
    :raises BadConfig: if nothing takes records of that contract
    """
    wiring = contract_wiring().inbound.get(contract)
    if wiring is None:
        raise BadConfig(f"Nothing here takes records of {contract}. Remove the stream.")
    return wiring


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A record set aside. `external_id` is empty if it cannot be read; `index` is its place among the raw records."""

    index: int
    external_id: str
    reason: str
    path: str
    raw: str


@dataclass(kw_only=True)
class ReadPage:
    """
    Raw records read into their contract; `indexes` are their places among the raw ones.

    :param fingerprint: that by which the page is known again, if its adapter gives one
    :param known: it was known by that, and therefore not read: how many records on it stand in our tables, and how many
        are none of the contract
    :param prepared: what the landing is given, if its wiring prepares it
    :param look: reads it, if it was left unread
    :param gone: keys of what the source no longer has; no record and no rejection of theirs is on the page
    """

    raw: Sequence[Any]
    records: list[Record] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    fingerprint: bytes | None = None
    known: tuple[int, int] | None = None
    prepared: Any = None
    look: Callable[[], "ReadPage"] | None = None
    gone: Collection[str] = ()

    def look_after_all(self) -> None:
        """Read a page that was left unread because it was known, and is no more."""
        if self.known is not None and self.look is not None:
            page = self.look()
            self.records, self.indexes, self.rejections = page.records, page.indexes, page.rejections
            self.prepared, self.known = page.prepared, None

    def keys(self) -> list[str | None]:
        """The keys that the source showed on this page; `None` for a record whose key cannot be read."""
        return [record.external_id for record in self.records] + [
            rejection.external_id or None for rejection in self.rejections
        ]


def read_page(
    read: Read, raw: Sequence[Any], *, fingerprint: bytes | None = None, gone: Iterable[str] = ()
) -> ReadPage:
    """
    Every raw record is read, set aside, or left out because it is none of this contract.

    :param gone: keys of what was deleted after it was sent: that is left out too
    """
    page = ReadPage(raw=raw, fingerprint=fingerprint, gone=frozenset(gone))
    together = read.many(raw) if isinstance(read, ReadsMany) else None
    if together is None:
        _read_one_by_one(read, page)
    else:
        found = [
            (index, record)
            for index, record in enumerate(together)
            if record is not None and record.external_id not in page.gone
        ]
        page.indexes, page.records = [index for index, _ in found], [record for _, record in found]
    return page if are_storable(page.records) else _set_unstorable_aside(page)


def _read_one_by_one(read: Read, page: ReadPage) -> None:
    for index, one in enumerate(page.raw):
        try:
            record = read(one)
        except BadRecord as error:
            if error.external_id not in page.gone:
                page.rejections.append(rejection_of(index, one, error))
        else:
            if record is not None and record.external_id not in page.gone:
                page.records.append(record)
                page.indexes.append(index)


def _set_unstorable_aside(page: ReadPage) -> ReadPage:
    kept = ReadPage(raw=page.raw, rejections=page.rejections, fingerprint=page.fingerprint, gone=page.gone)
    for index, record in zip(page.indexes, page.records, strict=True):
        try:
            check_storable(record)
        except BadRecord as error:
            kept.rejections.append(rejection_of(index, page.raw[index], error))
        else:
            kept.records.append(record)
            kept.indexes.append(index)
    kept.rejections.sort(key=lambda rejection: rejection.index)
    return kept


def rejection_of(index: int, raw: Any, error: BadRecord) -> Rejection:
    return Rejection(
        index=index,
        external_id=_clean(error.external_id or ""),
        reason=_clean(str(error)),
        path=_clean(error.path),
        raw=raw_text(raw),
    )


def raw_text(raw: Any) -> str:
    """What the source sent, as text that a person can read and a database can keep."""
    if isinstance(raw, str | bytes):
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    else:
        try:
            options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS
            text = orjson.dumps(raw, default=_plain, option=options).decode("utf-8", "replace")
        except orjson.JSONEncodeError:
            text = repr(raw)
    return _clean(text)[:LONGEST_RAW]


def _plain(value: Any) -> Any:
    return orjson.Fragment(msgspec.json.encode(value)) if isinstance(value, msgspec.Struct) else repr(value)


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


Step = tuple[Page, ReadPage]
"""A page as the source gave it, and as it was read."""


def batches(steps: Iterable[Step], *, most: int) -> Iterator[list[Step]]:
    """Pages that were ready together land together, up to a number of records; the last one ends its batch."""
    batch: list[Step] = []
    for page, read in steps:
        batch.append((page, read))
        if page.complete or sum(len(one.records) + len(one.gone) for one, _ in batch) >= most:
            yield batch
            batch = []
    if batch:
        yield batch


def prepared(page: ReadPage, wiring: Wiring) -> ReadPage:
    """With as much of the landing done as needs no database."""
    if wiring.prepare is not None and page.records:
        page.prepared = wiring.prepare(page.records)
    return page


def take_in(page: ReadPage, landing: Landing, wiring: Wiring, *, in_halves: bool) -> Landed:
    """
    Hand a page's records to their domain, and have it retire what is gone.

    :param in_halves: because the database could not take one of them
    :raises DataError: if it cannot, and they land as a whole
    :raises ContractBroken: if something is gone of a contract whose records are kept for good
    """
    landed = land_in_halves(page.records, landing, wiring) if in_halves else _land(page, landing, wiring)
    if not page.gone:
        return landed
    if wiring.retire is None:
        name = contract_id(wiring.contract)
        raise ContractBroken(f"The source says that some records are gone, but those of {name} are kept for good.")
    keys = sorted(key for key in page.gone if key == _clean(key))
    retired = wiring.retire(landing, GoneKeys(external_ids=keys))
    return replace(landed, retired=len(retired), touched=sorted({*landed.touched, *retired}))


def _land(page: ReadPage, landing: Landing, wiring: Wiring) -> Landed:
    if not page.records:
        return Landed()
    return wiring.land(page.records if page.prepared is None else page.prepared, landing)


def land_in_halves(records: Sequence[Record], landing: Landing, wiring: Wiring) -> Landed:
    """
    Hand records to their domain, and set aside what the database cannot take: after all of them failed as a whole, they
    are halved until that stands alone.
    """
    if not records:
        return Landed()
    try:
        with transaction.atomic():
            return wiring.land(records if wiring.prepare is None else wiring.prepare(records), landing)
    except DataError as error:
        if len(records) == 1:
            return Landed(set_aside=[SetAside(index=0, reason=str(error).partition("\n")[0])])
    middle = len(records) // 2
    first = land_in_halves(records[:middle], landing, wiring)
    second = land_in_halves(records[middle:], landing, wiring)
    return Landed(
        created=first.created + second.created,
        updated=first.updated + second.updated,
        unchanged=first.unchanged + second.unchanged,
        touched=sorted({*first.touched, *second.touched}),
        set_aside=[
            *first.set_aside,
            *(SetAside(index=one.index + middle, reason=one.reason, path=one.path) for one in second.set_aside),
        ],
    )


def set_aside(page: ReadPage, landed: Landed) -> list[Rejection]:
    """What could not be read, and what its domain could not take, in the order of the raw records."""
    by_domain = [
        Rejection(
            index=page.indexes[one.index],
            external_id=page.records[one.index].external_id,
            reason=one.reason,
            path=one.path,
            raw=raw_text(page.raw[page.indexes[one.index]]),
        )
        for one in landed.set_aside
    ]
    return sorted([*page.rejections, *by_domain], key=lambda rejection: rejection.index)


def keep_rejections(stream_id: int, rejections: Sequence[Rejection], *, now: datetime) -> list[int]:
    """
    Keep what was set aside, in the transaction that lands the rest; the same record with the same reason only counts
    up, and is unsettled again. Of new ones so many are kept as there is room for: in the read that is under way, of
    which its lease tells, and in all of the stream.

    :return: primary keys of those that were not known
    """
    if not rejections:
        return []
    times = Counter(map(digest_of, rejections))
    last = {digest_of(rejection): rejection for rejection in rejections}
    known = set(
        RejectedRecord.objects.filter(stream_id=stream_id, digest__in=list(last)).values_list("digest", flat=True)
    )
    unknown = [digest for digest in last if digest not in known]
    digests = sorted([*known, *unknown[: _room_for(len(unknown), stream_id, now=now)]])
    table = connection.ops.quote_name(RejectedRecord._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} AS known (organisation_id, stream_id, external_id, reason, path, raw, digest,
              first_seen_at, last_seen_at, times)
            SELECT (app_organisations())[1], %s, page.*, %s, %s, 0
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
              AS page (external_id, reason, path, raw, digest) ORDER BY digest
            ON CONFLICT (organisation_id, stream_id, digest) DO UPDATE
              SET last_seen_at = excluded.last_seen_at, reason = excluded.reason, settled_at = NULL
            RETURNING id, xmax = 0""",  # noqa: S608  # our own name
            [
                stream_id,
                now,
                now,
                [last[digest].external_id for digest in digests],
                [last[digest].reason for digest in digests],
                [last[digest].path for digest in digests],
                [last[digest].raw for digest in digests],
                digests,
            ],
        )
        found = cursor.fetchall()
        cursor.execute(
            f"UPDATE {table} AS known SET times = known.times + seen.times "  # noqa: S608  # our own name
            "FROM unnest(%s::text[], %s::int[]) AS seen (digest, times) "
            "WHERE known.stream_id = %s AND known.digest = seen.digest",
            [digests, [times[digest] for digest in digests], stream_id],
        )
    return [pk for pk, is_new in found if is_new]


def _room_for(wanted: int, stream_id: int, *, now: datetime) -> int:
    """
    For how many of so many new ones there is room. Of what is pushed, or listened to, each piece is a read of its own.
    """
    if not wanted:
        return 0
    of_stream = RejectedRecord.objects.filter(stream_id=stream_id)
    reads = Lease.objects.filter(stream_id=stream_id).exclude(mode=Mode.EVENT)
    began_at = reads.values_list("started_at", flat=True).first()
    of_read = of_stream.filter(first_seen_at__gte=now if began_at is None else began_at)
    free = MOST_UNSETTLED_OF_A_STREAM - of_stream.filter(settled_at=None).count()
    return max(0, min(wanted, free, MOST_NEW_OF_A_READ - of_read.count()))


def settle_what_reads_well(stream_id: int, page: ReadPage, *, now: datetime) -> None:
    """
    What the source sends well now, or has no more, settles what was set aside of the same key before. Call it before
    `keep_rejections` of the same page. Where a key stands for many records, it says nothing of the others.
    """
    read_well = [record.external_id for record in page.records if not record.keyed_by_moment]
    if read_well or page.gone:
        table = connection.ops.quote_name(RejectedRecord._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET settled_at = %s "  # noqa: S608  # our own name
                "WHERE stream_id = %s AND settled_at IS NULL AND external_id = ANY(%s)",
                [now, stream_id, [*read_well, *map(_clean, page.gone)]],
            )


def name_run(rejected_ids: Sequence[int], run_id: int | None) -> None:
    if rejected_ids:
        RejectedRecord.objects.filter(pk__in=rejected_ids).update(run_id=run_id)


def tell_followers(wiring: Wiring, landing: Landing, contract: str, ids: Sequence[int]) -> None:
    """Write down that the contract's followers are to be told, in the transaction that touched the rows."""
    if not wiring.followers or not ids:
        return
    OutboxItem.objects.create(
        organisation_id=landing.organisation_id,
        kind=OutboxKind.FOLLOW,
        contract=contract,
        connector_id=landing.connector_id,
        stream_id=landing.stream_id,
        payload={"ids": list(ids)},
        created_at=landing.now,
        due_at=landing.now,
    )


def digest_of(rejection: Rejection) -> str:
    """By which the same record with the same reason is known again."""
    said = [rejection.external_id, rejection.path, rejection.reason, rejection.raw]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()
