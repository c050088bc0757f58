"""`python -m simulator`: one simulator on one port, until it is stopped."""

import argparse
from pathlib import Path

import uvicorn

from simulator.app import create_app
from simulator.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="A pretend utility, for the demo and the tests."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--push-config", type=Path, help="JSON file with the url and token to push estimates to")
    parser.add_argument("--product-url", help="where the page's link to the product leads")
    parser.add_argument(
        "--full-conditions", action="store_true", help="let the SCADA gateway's alarms be confirmed too, and branch off"
    )
    arguments = parser.parse_args()
    settings = Settings(
        push_config=arguments.push_config,
        product_url=arguments.product_url,
        has_full_conditions=arguments.full_conditions,
    )
    app = create_app(settings)
    # One process: the state lives in it.
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
