import networkx
import numpy as np
import pytest
import rustworkx
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.numbering import Numbering, number

Branches = list[tuple[int, int]]


def numbered(nodes: int, sources: list[int], branches: Branches) -> Numbering:
    ends = np.array(branches, dtype=np.int32).reshape(-1, 2)
    return number(nodes=nodes, sources=np.array(sources, dtype=np.int32), branches=(ends[:, 0], ends[:, 1]))


def fed(numbering: Numbering, branch: int) -> set[int]:
    enter, leave = int(numbering.branch_enter[branch]), int(numbering.branch_leave[branch])
    return set(numbering.ranking[max(enter, 0) : max(leave, 0)].tolist())


def supplied(nodes: int, sources: list[int], branches: Branches, *, without_node: int | None = None) -> set[int]:
    graph: networkx.MultiGraph[int] = networkx.MultiGraph()
    graph.add_nodes_from(range(nodes + 1))
    graph.add_edges_from([(nodes, node) for node in sources] + branches)
    if without_node is not None:
        graph.remove_node(without_node)
    return set(networkx.node_connected_component(graph, nodes)) - {nodes}


def test_a_branch_of_a_tree_feeds_all_behind_it() -> None:
    numbering = numbered(4, [0], [(0, 1), (2, 1), (1, 3)])

    assert [fed(numbering, branch) for branch in range(4)] == [{0, 1, 2, 3}, {1, 2, 3}, {2}, {3}]


def test_a_ring_loses_nobody_and_what_hangs_on_it_is_fed_by_its_own_branch() -> None:
    numbering = numbered(4, [0], [(0, 1), (1, 2), (2, 0), (2, 3)])

    assert [fed(numbering, branch) for branch in range(1, 5)] == [set(), set(), set(), {3}]
    assert numbering.branch_enter[1] >= 0  # in the network, unlike what no source reaches
    assert numbering.node_leave[2] - numbering.node_enter[2] == 2


def test_of_two_parallel_branches_neither_feeds_anybody_alone() -> None:
    numbering = numbered(2, [0], [(0, 1), (0, 1)])

    assert [fed(numbering, branch) for branch in (1, 2)] == [set(), set()]


def test_of_two_sources_in_one_mesh_neither_feeds_anybody_alone() -> None:
    numbering = numbered(2, [0, 1], [(0, 1)])

    assert [fed(numbering, branch) for branch in range(3)] == [set(), set(), set()]


def test_what_no_source_reaches_has_no_number() -> None:
    numbering = numbered(4, [0], [(0, 1), (2, 3)])

    assert numbering.node_enter[2:].tolist() == [-1, -1]
    assert (numbering.branch_enter[2], numbering.branch_leave[2]) == (-1, -1)


def test_a_network_without_anything_has_no_numbers() -> None:
    assert numbered(0, [], []).ranking.tolist() == []
    assert numbered(2, [], [(0, 1)]).ranking.tolist() == []


def test_a_long_ring_is_walked_as_fast_as_a_long_line() -> None:
    """A depth that recursion would not bear, and a ring on which iterated dominators take squared time."""
    length = 100_000

    numbering = numbered(length, [0], [(node, (node + 1) % length) for node in range(length)])

    assert numbering.node_leave[0] - numbering.node_enter[0] == length
    assert (numbering.node_leave[1:] - numbering.node_enter[1:] == 1).all()


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, list[int], Branches]:
    nodes = draw(st.integers(1, 14))
    node = st.integers(0, nodes - 1)
    return nodes, draw(st.lists(node, max_size=3)), draw(st.lists(st.tuples(node, node), max_size=24))


@given(networks())
@settings(max_examples=300, deadline=None)
def test_every_range_is_exactly_what_loses_supply(network: tuple[int, list[int], Branches]) -> None:
    nodes, sources, branches = network
    numbering = numbered(nodes, sources, branches)
    before = supplied(nodes, sources, branches)

    assert set(numbering.ranking.tolist()) == before
    assert sorted(numbering.node_enter[numbering.node_enter >= 0].tolist()) == list(range(len(before)))
    for at in range(len(sources)):
        left = supplied(nodes, sources[:at] + sources[at + 1 :], branches)
        assert fed(numbering, at) == before - left
    for at in range(len(branches)):
        left = supplied(nodes, sources, branches[:at] + branches[at + 1 :])
        assert fed(numbering, len(sources) + at) == before - left
    for node in before:
        lost = set(numbering.ranking[numbering.node_enter[node] : numbering.node_leave[node]].tolist())
        assert lost == before - supplied(nodes, sources, branches, without_node=node)


@given(networks())
@settings(max_examples=100, deadline=None)
def test_the_tree_is_the_dominator_tree(network: tuple[int, list[int], Branches]) -> None:
    nodes, sources, branches = network
    graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(nodes + 1))
    ends = [(nodes, node) for node in sources] + branches
    graph.add_edges_from_no_data(ends + [(head, tail) for tail, head in ends])

    numbering = numbered(nodes, sources, branches)

    for node, dominator in rustworkx.immediate_dominators(graph, nodes).items():
        if node != nodes and dominator != nodes:
            assert numbering.node_enter[dominator] < numbering.node_enter[node]
            assert numbering.node_leave[node] <= numbering.node_leave[dominator]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_branches_does_not_matter(order: int) -> None:
    branches = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)][::order]

    sizes = numbered(5, [0], branches)

    assert (sizes.node_leave - sizes.node_enter).tolist() == [5, 1, 3, 2, 1]
