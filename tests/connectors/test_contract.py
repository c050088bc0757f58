"""The contract suite over every adapter there is, those of installed packages too."""

from connectors import registry
from connectors.testing.contract import ContractSuite


class TestEveryAdapter(ContractSuite):
    adapters = tuple(registry.adapters().values())
