"""
Pages that need not be looked at. A page of the last complete full read, all of which stands in our tables, is known by
its fingerprint: when it comes again, nothing on it has changed.

As soon as a row that was known has changed, by this read or by any other, no page is known until a full read has been
complete again: the same key may stand on two pages, and the later one counts.
"""

from hashlib import blake2b

import orjson
from django.db import connection
from django.db.models import Func, IntegerField, Q

from connectors.models import KnownPage, Lease, Mode, SeenPage, Stream, StreamState
from connectors.protocols.adapter import Adapter, SourceStream
from connectors.services.pages import ReadPage

_KNOWN, _SEEN = KnownPage._meta.db_table, SeenPage._meta.db_table


def known_to(lease: Lease, state: StreamState) -> dict[bytes, tuple[int, int]]:
    """
    The fingerprints that hold for a read: for each, how many records of the page stand in our tables, and how many are
    none of the contract.
    """
    if lease.mode != Mode.FULL or state.rows_changed_by is not None:
        return {}
    counted = Func("external_ids", function="jsonb_array_length", output_field=IntegerField())
    pages = KnownPage.objects.filter(stream_id=lease.stream_id).annotate(count=counted)
    return {
        bytes(mark): (count, ignored) for mark, count, ignored in pages.values_list("fingerprint", "count", "ignored")
    }


def salt_of(adapter: Adapter, stream: SourceStream) -> bytes:
    """All that decides how a page of a stream is read, but for the page."""
    options = orjson.dumps(dict(stream.options), option=orjson.OPT_SORT_KEYS, default=str)
    said = [adapter.kind, adapter.version, stream.name, stream.contract]
    return blake2b(orjson.dumps(said) + options, digest_size=16).digest()


def fingerprint_of(page: bytes, salt: bytes) -> bytes:
    return blake2b(page, digest_size=20, salt=salt).digest()


def see(lease: Lease, page: ReadPage, *, number: int, is_whole: bool, ignored: int) -> None:
    """
    Keep what a read saw on a page, until the read ends.

    :param is_whole: all of it stands in our tables, or is none of the contract
    :raises LookupError: if a page that was known is so no more
    """
    into = f"INSERT INTO {_SEEN} (organisation_id, lease_id, number, external_ids, fingerprint, ignored)"
    with connection.cursor() as cursor:
        if page.known is None:
            mark = page.fingerprint if is_whole else None
            keys = orjson.dumps(page.keys()).decode()
            cursor.execute(
                f"{into} VALUES (%s, %s, %s, %s::jsonb, %s, %s)",
                [lease.organisation_id, lease.pk, number, keys, mark, ignored],
            )
            return
        cursor.execute(
            f"""
            {into} SELECT organisation_id, %s, %s, external_ids, fingerprint, ignored FROM {_KNOWN}
            WHERE organisation_id = %s AND stream_id = %s AND fingerprint = %s
            """,  # noqa: S608  # our own names
            [lease.pk, number, lease.organisation_id, lease.stream_id, page.fingerprint],
        )
        if not cursor.rowcount:
            raise LookupError("A page that was known is gone, though its stream is being read.")


def rows_changed(lease: Lease, stream: Stream) -> None:
    """Rows of this stream, and so perhaps of those that share its keys, are no longer as the known pages have them."""
    shared = Q(stream__connector_id=stream.connector_id, stream__contract=stream.contract)
    StreamState.objects.filter(shared).exclude(rows_changed_by=lease.pk).update(rows_changed_by=lease.pk)


def remember(lease: Lease, state: StreamState, *, is_all_new: bool) -> None:
    """
    After a complete full read: what it saw, and nothing else, is known. Pages that did not land whole stand as one
    without a fingerprint, which is never seen again: who sees all known pages knows that there were no others.

    :param is_all_new: no key can have stood on two pages. If one did, nothing is known: which of them counts is a
        matter of their order
    """
    if not is_all_new and _has_keys_twice(lease):
        KnownPage.objects.filter(stream_id=lease.stream_id).delete()
        return
    values = [lease.organisation_id, lease.stream_id, lease.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {_KNOWN} AS known WHERE organisation_id = %s AND stream_id = %s AND NOT EXISTS (
              SELECT 1 FROM {_SEEN} AS seen WHERE seen.organisation_id = known.organisation_id
                AND seen.lease_id = %s AND seen.fingerprint = known.fingerprint)
            """,  # noqa: S608  # our own names
            values,
        )
        cursor.execute(
            f"""
            INSERT INTO {_KNOWN} (organisation_id, stream_id, fingerprint, external_ids, ignored)
            SELECT organisation_id, %s, coalesce(fingerprint, ''), external_ids, ignored FROM {_SEEN} AS seen
            WHERE organisation_id = %s AND lease_id = %s AND NOT EXISTS (
              SELECT 1 FROM {_KNOWN} AS known WHERE known.organisation_id = seen.organisation_id
                AND known.stream_id = %s AND known.fingerprint = seen.fingerprint)
            ON CONFLICT DO NOTHING
            """,  # noqa: S608  # our own names
            [lease.stream_id, lease.organisation_id, lease.pk, lease.stream_id],
        )
    StreamState.objects.filter(pk=state.pk, rows_changed_by=lease.pk).update(rows_changed_by=None)


def _has_keys_twice(lease: Lease) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT EXISTS (
              SELECT 1 FROM {_SEEN} AS seen CROSS JOIN LATERAL jsonb_array_elements_text(external_ids) AS on_page (key)
              WHERE seen.organisation_id = %s AND seen.lease_id = %s GROUP BY key HAVING count(*) > 1)
            """,  # noqa: S608  # our own name
            [lease.organisation_id, lease.pk],
        )
        return bool(cursor.fetchone()[0])
