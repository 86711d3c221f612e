import torch

from tomoscout.inference.tiling import WindowSettings, plan_tiles


class Plain(torch.nn.Module):
    strides, divisor = (2,), (16, 16, 16)


def test_a_tomogram_of_usual_size_keeps_the_tiles_that_waste_least():
    czii = (184, 630, 630)
    tiling = plan_tiles(czii, network=Plain(), objects=6)
    assert tiling.tile == plan_tiles(czii, network=Plain()).tile
    assert tiling.tile[0] == 192


def test_in_a_wide_tomogram_tiles_are_less_deep_so_that_a_row_of_them_fits_memory():
    wide = (1024, 2048, 2048)
    tiling = plan_tiles(wide, network=Plain(), objects=6)
    unfinished = max(len(z.weights) for z in tiling.axes[0]) * 6 * 1024 * 1024 * 4
    assert 1 << 30 < unfinished <= 3 << 29
    assert tiling.tile[1:] == plan_tiles(wide, network=Plain()).tile[1:]


def test_networks_side_by_side_share_the_memory_but_tiles_stay_of_use():
    wide, settings = (1024, 2048, 2048), WindowSettings(overlap=16)
    depths = [
        plan_tiles(wide, network=Plain(), settings=settings, objects=6, share=k).tile[0]
        for k in (1, 2, 20)
    ]
    assert depths == [128, 64, 48]
