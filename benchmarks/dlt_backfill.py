"""The same invoices by dlt's rest_api source into DuckDB. Runs in an environment of its own, made by sync_backfill.py.

    python benchmarks/dlt_backfill.py URL FOLDER [--parquet]

By default dlt loads by INSERT; --parquet is its fastest way. Nested lists become tables of their own, as dlt does it.
"""

import argparse
import json
import os
import resource
import time

import dlt
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    """Loads once, prints seconds, rows and peak memory as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder")
    parser.add_argument("--parquet", action="store_true")
    given = parser.parse_args()
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    started = time.perf_counter()
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{given.url}/api/",
                "headers": {"Accept": "application/json", "Authorization": "Bearer t"},
                "paginator": {"type": "offset", "limit": 50, "total_path": None, "stop_after_empty_page": True},
            },
            "resources": [
                {"name": "invoices", "primary_key": "id", "endpoint": {"path": "invoices", "data_selector": "$"}}
            ],
        }
    )
    database = f"{given.folder}/dlt.duckdb"
    pipeline = dlt.pipeline(
        "backfill",
        pipelines_dir=f"{given.folder}/pipelines",
        destination=dlt.destinations.duckdb(database),
        dataset_name="coupa",
    )
    pipeline.run(source, loader_file_format="parquet" if given.parquet else None)
    seconds = time.perf_counter() - started
    with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM invoices") as cursor:
        rows = cursor.fetchone()[0]
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 -- one line of a script
        status = file.read()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "invoices": rows,
                "cpu": used.ru_utime + used.ru_stime,
                "peak_mb": int(status.partition("VmHWM:")[2].split()[0]) / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
