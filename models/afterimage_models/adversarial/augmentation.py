"""Changes of what a critic sees, the same kinds for recorded and made sounds: it cannot learn few recordings by heart.

Source: Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training".
"""

from __future__ import annotations

import torch
from torch import Tensor

SHARE = 0.6  # of the sounds for each change; below 1, or made sounds would learn the changes
GAIN, TILT = 0.15, 0.2  # in the image's units, over the whole and from end to end
STEPS, BANDS = 2, 2  # furthest moves along both axes
HOLE = 0.3  # longest side of what is blanked, as a share of an axis


def _chosen(count: int, device: torch.device) -> Tensor:
    return (torch.rand(count, 1, 1, 1, device=device) < SHARE).float()


def _moved(image: Tensor, axis: int, furthest: int) -> Tensor:
    """Every image moved along an axis by a random number of places, its edge repeated."""
    count, places = len(image), image.shape[axis]
    move = torch.randint(-furthest, furthest + 1, (count, 1), device=image.device)
    move = move * (torch.rand(count, 1, device=image.device) < SHARE)
    index = (torch.arange(places, device=image.device)[None, :] + move).clamp(0, places - 1)
    shape = [count, 1, 1, 1]
    shape[axis] = places
    return image.gather(axis, index.view(shape).expand(image.shape))


def _hole(places: int, count: int, device: torch.device) -> Tensor:
    """[count, places]: 1 within a random stretch."""
    middle = torch.rand(count, 1, device=device)
    half = 0.5 * HOLE * torch.rand(count, 1, device=device)
    at = torch.linspace(0.0, 1.0, places, device=device)[None, :]
    return ((at - middle).abs() < half).float()


def augment(image: Tensor) -> Tensor:
    """`image`: [batch, channels, time, bands]. Gradients pass."""
    count, device = len(image), image.device
    noise = torch.randn(2, count, 1, 1, 1, device=device)
    slope = torch.linspace(-0.5, 0.5, image.shape[3], device=device)
    image = image + _chosen(count, device) * (GAIN * noise[0] + TILT * noise[1] * slope)
    image = _moved(_moved(image, 2, STEPS), 3, BANDS)
    hole = _hole(image.shape[2], count, device)[:, None, :, None] * _hole(image.shape[3], count, device)[:, None, None]
    return image * (1.0 - _chosen(count, device) * hole)
