import numpy as np
import torch

from tomoscout.data.mixup import mixup


def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample i is one-hot along its first spatial axis, so that shares can be read off."""
    image = torch.eye(count)[:, None, :, None, None].expand(-1, 1, -1, 2, 3).contiguous()
    return image, image[:, :, :, :1, :1].expand(-1, 2, -1, -1, -1).contiguous()


def shares(image: torch.Tensor) -> np.ndarray:
    return image[:, 0, :, 0, 0].numpy()


def test_image_and_target_are_blended_by_the_same_shares():
    image, target = mixup(*batch(5), alpha=1.0, rng=np.random.default_rng(0))
    assert torch.allclose(image[:, :1, :, :1, :1].expand_as(target), target)


def test_each_sample_keeps_its_share_and_gets_the_rest_from_another():
    for seed in range(20):
        found = shares(mixup(*batch(5), alpha=1.0, rng=np.random.default_rng(seed))[0])
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
        own = np.diag(found)
        assert ((own > 0) & (own < 1)).all()
        assert ((found > 0).sum(axis=1) == 2).all()


def test_shares_follow_the_beta_distribution():
    rng = np.random.default_rng(0)
    own = [np.diag(shares(mixup(*batch(8), alpha=0.4, rng=rng)[0])) for _ in range(200)]
    assert abs(np.mean(own) - 0.5) < 0.03
    assert abs(np.var(own) - 1 / (4 * (2 * 0.4 + 1))) < 0.01


def test_the_input_is_left_alone_and_a_single_sample_stays():
    image, target = batch(3)
    mixup(image, target, alpha=1.0, rng=np.random.default_rng(0))
    assert torch.equal(image, batch(3)[0])
    one = batch(1)
    assert torch.equal(mixup(*one, alpha=1.0, rng=np.random.default_rng(0))[0], one[0])
