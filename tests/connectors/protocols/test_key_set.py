import random

from connectors.protocols.paging import KeySet


def test_it_counts_what_is_new_as_a_set_does() -> None:
    chance, seen, keys = random.Random(1), set[str](), KeySet()
    for size in [1, 1, 2, 1_000, 3, 1_000, 50, 1_000, 1, 700]:
        page = [f"pole-{chance.randrange(4_000)}" for _ in range(size)]
        assert keys.add(page) == len(set(page) - seen)
        seen |= set(page)
    assert keys.add(sorted(seen)) == 0


def test_nothing_is_nothing_new() -> None:
    keys = KeySet()
    assert [keys.add([]), keys.add(["a", "a"]), keys.add([]), keys.add(["a"])] == [0, 1, 0, 0]
