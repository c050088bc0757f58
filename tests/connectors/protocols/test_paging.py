from connectors.protocols.paging import ReadProof

EMPTY_IS_ODD = {"last_page_full": False, "may_be_empty": False}


def test_as_many_distinct_records_as_the_source_speaks_of_are_the_whole() -> None:
    proof = ReadProof()

    assert proof.add(["1", "2"], 3)
    assert proof.add(["3"], 3)
    assert proof.shortfall(**EMPTY_IS_ODD) == ""


def test_fewer_are_not() -> None:
    proof = ReadProof()
    proof.add(["1", "2"], 3)

    assert proof.shortfall(**EMPTY_IS_ODD) == "The source speaks of 3 records and sent 2."


def test_an_empty_page_with_a_count_is_proof_and_without_one_is_none() -> None:
    counted, silent = ReadProof(), ReadProof()
    counted.add([], 0)
    silent.add([], None)

    assert counted.shortfall(**EMPTY_IS_ODD) == ""
    assert "does not prove" in silent.shortfall(**EMPTY_IS_ODD)
    assert silent.shortfall(last_page_full=False, may_be_empty=True) == ""


def test_a_full_last_page_without_a_count_may_have_more_behind_it() -> None:
    proof = ReadProof()
    proof.add(["1", "2"], None)

    assert "there may be more" in proof.shortfall(last_page_full=True, may_be_empty=False)
    assert proof.shortfall(**EMPTY_IS_ODD) == ""


def test_the_same_page_again_ends_the_read_even_after_a_resume() -> None:
    proof = ReadProof()
    proof.add(["1", "2"], 4)
    resumed = ReadProof.resumed(proof.state())

    for one in (proof, resumed):
        assert not one.add(["1", "2"], 4)
        assert "sends the same page again" in one.shortfall(**EMPTY_IS_ODD)


def test_a_record_that_comes_twice_casts_doubt() -> None:
    proof = ReadProof()
    proof.add(["1", "2"], 3)

    assert proof.add(["2", "3"], 3)
    assert "twice" in proof.shortfall(**EMPTY_IS_ODD)


def test_a_record_without_an_id_casts_doubt() -> None:
    proof = ReadProof()

    assert proof.add(["1", None], 2)
    assert "without an id" in proof.shortfall(**EMPTY_IS_ODD)


def test_a_circle_of_places_is_seen() -> None:
    proof = ReadProof()

    assert proof.is_new_place("a")
    assert proof.is_new_place("b")
    assert not proof.is_new_place("a")
    assert "in a circle" in proof.shortfall(**EMPTY_IS_ODD)


def test_counting_goes_on_after_a_resume() -> None:
    proof = ReadProof()
    proof.add(["1", "2"], 3)

    resumed = ReadProof.resumed(proof.state())
    resumed.add(["3"], 3)

    assert resumed.shortfall(**EMPTY_IS_ODD) == ""
