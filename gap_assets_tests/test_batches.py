import logging
import weakref

import pytest
import torch

from gap_assets.batches import BatchSize


def test_the_size_is_halved_for_good_until_the_parts_fit(caplog):
    tried, freed = [], []
    size = BatchSize(8, free=lambda: freed.append(1))

    def work(part: list[int]) -> list[int]:
        tried.append(len(part))
        if len(part) > 3:
            raise torch.OutOfMemoryError
        return part

    with caplog.at_level(logging.WARNING):
        assert list(size.parts([*range(10)], work)) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
        assert list(size.parts([*range(3)], work)) == [[0, 1], [2]]
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2, 1]
    assert len(freed) == 2
    assert [record.args for record in caplog.records] == [(4,), (2,)]


def test_what_fits_is_known_to_the_next_call_of_the_same_kind():
    fits, tried = {}, []

    def work(part: list[int]) -> None:
        tried.append(len(part))
        if len(part) > 2:
            raise torch.OutOfMemoryError

    for kind in ("frames", "frames", "texts"):
        list(BatchSize(4, fits=fits, kind=kind).parts([1, 2, 3, 4], work))
    assert tried == [4, 2, 2, 2, 2, 4, 2, 2]
    assert BatchSize(1, fits=fits, kind="frames").most == 1


def test_items_of_different_weight_are_halved_by_weight():
    tried = []

    def work(part: list[int]) -> None:
        tried.append(part)
        if sum(part) > 10:
            raise torch.OutOfMemoryError

    size = BatchSize(16, weigh=sum)
    assert len(list(size.parts([8, 8, 4, 4, 1, 1], work))) == 4
    assert tried == [[8, 8], [8], [8], [4, 4], [1, 1]]
    assert size.most == 8


def test_less_than_a_batch_is_halved_too():
    tried = []

    def work(part: list[int]) -> None:
        tried.append(len(part))
        if len(part) > 1:
            raise torch.OutOfMemoryError

    assert len(list(BatchSize(64).parts([1, 2, 3], work))) == 3
    assert tried == [3, 2, 1, 1, 1]


def test_one_item_that_does_not_fit_fails():
    def work(_: list[int]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        list(BatchSize(4).parts([1, 2], work))


def test_what_the_failed_pass_held_is_gone_when_memory_is_given_back():
    held: list[weakref.ref[torch.Tensor]] = []

    def work(part: list[int]) -> None:
        activations = torch.empty(4)
        held.append(weakref.ref(activations))
        if len(part) > 1:
            raise torch.OutOfMemoryError

    def check() -> None:
        assert [tensor() for tensor in held] == [None] * len(held)

    assert len(list(BatchSize(4, free=check).parts([*range(4)], work))) == 4
    assert len(held) == 2 + 4
