from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.models.token_transformer import Settings, build

TINY = {"patch": (24, 24, 24), "layers": 2, "width": 32, "heads": 2}


def make(out_channels: int = 3, seed: int = 0, **options) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build(Settings(**{**TINY, **options}), 1, out_channels)


def test_one_answer_per_token_has_the_published_size():
    """LinearConfig: 128 dimensions, 6 layers, 4096 tokens of 6^3 voxels; and a last norm, 256."""
    with torch.device("meta"):
        net = build(Settings(refine=1), 1, 7)
        assert net(torch.zeros(2, 1, 96, 96, 96))[0].shape == (2, 7, 16, 16, 16)
    tokenizer, positions, decoder = 216 * 128 + 128, 4096 * 128, 128 * 7 + 7
    block = 4 * 128 + 128 * 384 + 384 + 128 * 128 + 128 + 2 * 128 * 512 + 512 + 128
    expected = tokenizer + positions + 6 * block + decoder + 256
    assert sum(p.numel() for p in net.parameters()) == expected
    assert net.strides == net.divisor[:1] == (6,)


def test_the_cnn_tokenizer_has_512_tokens_of_12_voxels():
    options = {"tokenizer": "cnn", "layers": 4, "heads": 16}
    with torch.device("meta"):
        net = build(Settings(**options, refine=1), 1, 7)
        assert net.positions.table.shape == (1, 128, 8, 8, 8)
        assert net(torch.zeros(1, 1, 96, 96, 96))[0].shape == (1, 7, 8, 8, 8)
        assert build(Settings(**options), 1, 7).strides == (4,)
    assert net.divisor == (12, 12, 12)


def test_the_cnn_tokenizer_sees_across_the_border_of_tokens_and_the_linear_one_does_not():
    for tokenizer, reaches in (("linear", False), ("cnn", True)):
        net = make(tokenizer=tokenizer).eval()
        edge = net.divisor[0]
        patch = torch.zeros(1, 1, 2 * edge, edge, edge)
        other = patch.clone()
        other[0, 0, edge] = 5.0  # the first plane of the second token
        with torch.inference_mode():
            moved = (net.tokenizer(other) - net.tokenizer(patch)).abs().amax(1).flatten()
        assert bool(moved[0] > 0) is reaches
        assert moved[1] > 0


def test_tokens_learn_where_a_particle_lies_inside_them():
    """Four particles in unlike sub-blocks: after learning one crop, theirs are the highest."""
    torch.manual_seed(0)
    net = make(out_channels=2)
    cells = [[1, 1, 10], [4, 5, 3], [8, 0, 7], [6, 11, 2]]  # (z, y, x) at stride 2
    crop, label = 0.3 * torch.randn(1, 1, 24, 24, 24), torch.zeros(1, 12, 12, 12).long()
    for z, y, x in cells:
        crop[0, 0, 2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2] -= 3.0
        label[0, z, y, x] = 1
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(
            net(crop)[0], label, weight=torch.tensor([1.0, 64.0])
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        logits = net.eval()(crop)[0][0]
    highest = (logits[1] - logits[0]).flatten().topk(4).indices
    found = torch.stack(torch.unravel_index(highest, (12, 12, 12)), 1).tolist()
    assert sorted(found) == sorted(cells)
    assert (logits.argmax(0) == label[0]).all()


def test_patches_of_another_shape_take_interpolated_positions():
    net = make().eval()
    with torch.inference_mode():
        for shape in ((24, 24, 24), (12, 36, 30), (48, 24, 24)):
            (logits,) = net(torch.randn(1, 1, *shape))
            assert logits.shape == (1, 3, *(n // 2 for n in shape))


def test_the_summarizer_takes_part_only_where_it_is_asked_to():
    net, patch = make(summarizer=True).eval(), torch.randn(2, 1, 24, 24, 24)
    with torch.no_grad():
        net.summarizer.mul_(50)  # a fresh one hardly speaks up
        (plain,), (joined,) = (net.segment(patch, summarizer=s) for s in (False, True))
        assert plain.shape == joined.shape == (2, 3, 12, 12, 12)
        assert not torch.allclose(plain, joined)
        torch.testing.assert_close(net(patch)[0], joined)


def test_without_its_summarizer_the_network_is_the_one_that_never_had_one():
    net, other = make(summarizer=True).eval(), make(seed=1).eval()
    missing, extra = other.load_state_dict(net.state_dict(), strict=False)
    assert missing == []
    assert {name.split(".")[0] for name in extra} == {"summarizer", "projection"}
    patch = torch.randn(1, 1, 24, 24, 24)
    with torch.inference_mode():
        torch.testing.assert_close(net.segment(patch, summarizer=False), other(patch))


def test_an_embedding_stands_for_the_whole_patch():
    net, patch = make(summarizer=True, embedding=16).train(), torch.randn(2, 1, 24, 24, 24)
    found = net.embed(patch)
    assert found.shape == (2, 16)
    found.square().sum().backward()
    used = {name for name, p in net.named_parameters() if p.grad is not None}
    unused = {name for name, _ in net.named_parameters()} - used
    assert {name.split(".")[0] for name in unused} == {"refine", "head"}
    for corner in ((0, 0, 0), (23, 23, 23)):
        changed = patch.clone()
        changed[(0, 0, *corner)] += 100.0
        moved = (net.embed(changed) - found).abs().amax(1)
        assert moved[0] > 0
        assert moved[1] == 0


def test_a_network_without_summarizer_has_no_embedding():
    with pytest.raises(UserError, match="summarizer: true"):
        make().embed(torch.zeros(1, 1, 24, 24, 24))


def test_dropout_acts_in_training_alone():
    net, patch = make(dropout=0.5), torch.randn(1, 1, 24, 24, 24)
    with torch.no_grad():
        assert not torch.equal(net(patch)[0], net(patch)[0])
        net.eval()
        assert torch.equal(net(patch)[0], net(patch)[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 100, "heads": 3}, "width 100 cannot be shared by 3 heads"),
        ({"refine": 4}, "refine 4 does not divide tokens of 6 voxels: use one of 1, 2, 3, 6"),
        ({"patch": [96, 96, 100]}, "every edge must be a multiple of 6 voxels"),
        ({"tokenizer": "cnn", "patch": [90, 96, 96]}, "a multiple of 12 voxels"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(options, words):
    with pytest.raises(UserError) as error:
        validate(Settings, options, source="settings of token_transformer")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
