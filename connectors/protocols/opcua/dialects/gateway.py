"""What gateways of their own dialect have in common: they list variables and tell their values, and nothing else."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from connectors.protocols.errors import BadConfig
from connectors.protocols.http import Auth, HttpSession
from connectors.protocols.opcua.web_api import Answer, Browsed, Reply, WebApi


class OtherGateway(WebApi):
    """
    A gateway that is asked in its own way and answers as the OPC UA Web API does: values as DataValues, variables as
    references, NodeIds in the canonical form. What only a session, an event or a method could bring, it refuses.
    """

    name: ClassVar[str]
    """What a person calls it."""

    path: ClassVar[str]
    """Where its API is below the address of the machine; an address may be given with it or without."""

    def __init__(self, http: HttpSession, *, base_url: str, auth: Auth | None) -> None:
        root = base_url.rstrip("/").removesuffix(self.path) + self.path
        super().__init__(http, base_url=root, auth=auth, verbose=False)

    @abstractmethod
    def read(self, nodes: Sequence[str], *, doing: str) -> Answer:
        """The value of each node, a DataValue each, in the order of `nodes`."""

    @abstractmethod
    def browse(self, nodes: Sequence[str], *, per_node: int, doing: str) -> dict[str, Browsed]:
        """The objects and variables below each node."""

    def ask(
        self, service: str, request: dict[str, Any], *, doing: str, repeatable: bool = False, timeout_ms: int = 0
    ) -> Reply:
        raise BadConfig(
            f"{self.name} offers signals and their present values, and nothing for {doing}. Connect the server through "
            "an OPC UA Web API if it is to bring more.",
            field="dialect",
        )
