import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.ops.puzzle import (
    cut_up,
    draw_orders,
    draw_turns,
    invert,
    put_together,
    shuffle,
    turn,
    with_last,
)

GRIDS = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3))


def keys(count, epoch=0):
    return torch.tensor([[epoch, i] for i in range(count)])


def numbered(shape, batch=1):
    """Crops in which no two voxels are alike."""
    return torch.arange(batch * int(np.prod(shape)), dtype=torch.float32).reshape(batch, 1, *shape)


@settings(deadline=None, max_examples=40)
@given(grid=GRIDS, piece=GRIDS, seed=st.integers(0, 2**32 - 1))
def test_a_shuffle_is_undone_exactly_and_loses_no_voxel(grid, piece, seed):
    x = numbered(tuple(np.multiply(grid, piece).tolist()), batch=3)
    order = draw_orders(keys(3), int(np.prod(grid)), seed=seed)
    shuffled = shuffle(x, order, grid)
    assert torch.equal(shuffle(shuffled, invert(order), grid), x)
    assert torch.equal(shuffled.flatten(1).sort(1).values, x.flatten(1))


@settings(deadline=None, max_examples=20)
@given(grid=GRIDS, piece=GRIDS)
def test_pieces_go_together_again(grid, piece):
    x = numbered(tuple(np.multiply(grid, piece).tolist()), batch=2)
    assert torch.equal(put_together(cut_up(x, grid), grid), x)


def test_a_place_gets_the_old_piece_that_the_order_names():
    x = numbered((1, 4, 4))
    order = torch.tensor([[2, 0, 1, 3]])  # the first place gets the lower left quarter
    shuffled = shuffle(x, order, (1, 2, 2))[0, 0, 0]
    assert torch.equal(shuffled[:2, :2], x[0, 0, 0, 2:, :2])
    assert torch.equal(shuffled[:2, 2:], x[0, 0, 0, :2, :2])
    assert torch.equal(shuffled[2:, :2], x[0, 0, 0, :2, 2:])
    assert torch.equal(shuffled[2:, 2:], x[0, 0, 0, 2:, 2:])


def test_pieces_are_counted_as_cells_of_a_map_are():
    grid = (2, 3, 4)
    means = cut_up(numbered((4, 6, 8)), grid).mean(dim=(2, 3, 4, 5))
    cells = torch.nn.functional.avg_pool3d(numbered((4, 6, 8)), 2).flatten(1)
    torch.testing.assert_close(means, cells)


def test_positions_move_as_pieces_do_and_the_last_stays():
    grid, table = (1, 3, 3), torch.arange(10.0)
    order = draw_orders(keys(2), 9, seed=4)
    told = table[with_last(order)]
    shown = shuffle(table[:9].reshape(1, 1, *grid).expand(2, 1, *grid), order, grid)
    assert torch.equal(told[:, :9], shown.flatten(1))
    assert (told[:, 9] == 9).all()


def test_orders_depend_on_seed_and_key_alone_and_are_all_alike_likely():
    first = draw_orders(keys(6), 8, seed=1)
    assert torch.equal(draw_orders(keys(6)[3:], 8, seed=1), first[3:])
    assert not torch.equal(draw_orders(keys(6), 8, seed=2), first)
    assert not torch.equal(draw_orders(keys(6, epoch=1), 8, seed=1), first)
    many = draw_orders(keys(600), 3, seed=0)
    _, counts = many.unique(dim=0, return_counts=True)
    assert len(counts) == 6
    assert counts.min() > 60  # 100 each, but for chance


def test_turns_come_as_often_as_asked_for_and_all_three_alike():
    turns = draw_turns(keys(800), chance=0.5, seed=0)
    shares = torch.bincount(turns, minlength=4) / 800
    assert shares[0] == pytest.approx(0.5, abs=0.06)
    assert shares[1:].tolist() == pytest.approx([1 / 6] * 3, abs=0.05)
    assert not draw_turns(keys(20), chance=0.0, seed=0).any()


def test_a_turn_is_numpys_about_z_for_each_crop_alone():
    x = numbered((2, 4, 4), batch=4)
    found = turn(x, torch.tensor([0, 1, 2, 3]))
    for count in range(4):
        np.testing.assert_array_equal(
            found[count, 0].numpy(), np.rot90(x[count, 0].numpy(), count, axes=(1, 2))
        )


def test_a_crop_that_does_not_fall_into_equal_pieces_is_refused():
    with pytest.raises(ValueError, match=r"crop \(1, 6, 6\) does not fall into \(1, 4, 4\) equal"):
        cut_up(torch.zeros(1, 1, 1, 6, 6), (1, 4, 4))
