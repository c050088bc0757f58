# mypy: ignore-errors
# It runs where dlt is, which the project does not need.
"""
Reads a collection into PostgreSQL with dlt (REST source, merge on the id), and prints the seconds that it took.

`dlt_run.py ADDRESS DATABASE_URL FOLDER`, by the interpreter that has dlt.
"""

import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator


@dlt.resource(name="poles", primary_key="id", write_disposition="merge", max_table_nesting=0)
def poles(address: str) -> Iterator[list[dict[str, Any]]]:
    client = RESTClient(
        base_url=address,
        paginator=JSONLinkPaginator(next_url_path="links[?(@.rel=='next')].href"),
        data_selector="features",
    )
    yield from client.paginate("/collections/poles/items", params={"limit": 1000})


def credentials(address: str) -> str:
    """With the folder of a socket, which stands in `?host=`, where dlt looks for a host."""
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    if "host" not in query:
        return address
    host = f"{quote(query['host'][0], safe='')}:{query.get('port', ['5432'])[0]}"
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{host}", query=""))


def main(address: str, database: str, folder: str) -> None:
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.postgres(credentials(database)),
        dataset_name="bench_dlt",
        pipelines_dir=folder,
        progress=None,
    )
    began = time.perf_counter()
    pipeline.run(poles(address))
    taken = time.perf_counter() - began
    with pipeline.sql_client() as client:
        [[count]] = client.execute_sql("SELECT count(*) FROM poles")
    sys.stdout.write(f"{taken} {count}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
