r"""Where does the classifier look? Grad-CAM on the transformer (paper §4.8), and how symmetrical its attention is.

Grad-CAM weights the channels of a feature map by the mean gradient of a class logit and keeps the evidence for the class,

$$H = ReLU\Big(\sum_d \big(\tfrac1N \textstyle\sum_i \partial y_c / \partial A_{id}\big)\, A_{:d}\Big).$$

Which layer's tokens are the map $A$ matters. After the last block only the class token is read, so the gradient at every patch
token is exactly zero there and the map is empty. The last layer where patches still matter is the last block's first layer
norm, before its attention.

A classifier that reads all tokens in their places (`pool="all"`, see `network`) with a linear model behind them needs no such
weighting: its logit is a sum over patches, and `evidence` gives each patch's share of it,

$$y_c(\Phi) - y_c(0) = \sum_i \left\langle R_i^\top w_c,\; z_i(\Phi) - z_i(0) \right\rangle, \qquad H = ReLU(\text{share}),$$

which is HiResCAM (R. L. Draelos, L. Carin, 2020) measured from the face that does not move. `attention_map` takes the one that
suits a classifier.
"""

import torch
from captum.attr import LayerAttribution, LayerGradCam
from jaxtyping import Float, Int
from torch import Tensor, nn

from selfme_lib.runtime.device import device_of

from .network import SCViT


def grad_cam(model: SCViT, motion: Float[Tensor, "b 2 h w"], target: Int[Tensor, "b"] | int) -> Float[Tensor, "b h w"]:
    """What in the motion speaks for class `target` (one for all, or one each); at least 0, not normalised.

    A map may be zero everywhere: then nothing that the last block attends to speaks for that class. The model may be on
    another device than the motion; the maps come back to the motion's.
    """
    as_map = nn.Identity()  # is given the patch tokens as captum expects them: (b, d, rows, columns)
    prefix = model.vit.num_prefix_tokens

    def through_map(_module: nn.Module, _inputs: tuple, tokens: Tensor) -> Tensor:  # (b, n+1, d)
        grid = tokens[:, prefix:].transpose(1, 2).unflatten(2, model.patch_embed.grid_size)
        return torch.cat([tokens[:, :prefix], as_map(grid).flatten(2).transpose(1, 2)], dim=1)

    hook = model.vit.blocks[-1].get_submodule("norm1").register_forward_hook(through_map)
    device = device_of(model)
    chosen = target.to(device) if isinstance(target, Tensor) else target
    try:
        heat = LayerGradCam(model, as_map).attribute(
            motion.to(device), target=chosen, relu_attributions=True
        )  # (b, 1, …)
    finally:
        hook.remove()
    return LayerAttribution.interpolate(heat, motion.shape[-2:], "bilinear").squeeze(1).detach().to(motion.device)


def attention_map(model: SCViT, motion: Float[Tensor, "b 2 h w"], target: Int[Tensor, "b"]) -> Float[Tensor, "b h w"]:
    """Evidence for a class each, as suits the model: `grad_cam` of one that reads a class token, else `evidence`.

    Behind `pool="all"` stands an MLP, whose gradient at the motion takes the place of a linear model's weights.
    """
    if model.read is None:
        return grad_cam(model, motion, target)
    with torch.enable_grad():
        pooled = model.pool(model.encode(model.embed_patches(motion.to(device_of(model))))).detach().requires_grad_()
        logits = model.head(pooled).gather(1, target.to(pooled.device)[:, None])
        (direction,) = torch.autograd.grad(logits.sum(), pooled)
    return evidence(model, motion, direction)


@torch.inference_mode()
def evidence(model: SCViT, motion: Float[Tensor, "b 2 h w"], direction: Float[Tensor, "b d"]) -> Float[Tensor, "b h w"]:
    """What in the motion moves the description of the face in a direction, such as that of a class's weights; at least 0.

    Args:
        model: with `pool="all"`.
        direction: for each motion, w above: weights of a linear model on what `model.describe_regions` gives.

    Raises:
        ValueError: the model reads a class token, whose logit is no sum over patches.
    """
    if model.read is None:
        raise ValueError("evidence by patches is of a classifier that reads all of them; use grad_cam")
    prefix, device = model.vit.num_prefix_tokens, device_of(model)
    moved, still = (
        model.encode(model.embed_patches(some.to(device)))[:, prefix:]
        for some in (motion, torch.zeros_like(motion[:1]))
    )
    weight = model.read.weight.unflatten(1, (moved.shape[1], -1))  # (d, n, d)
    share = torch.einsum("bic,dic,bd->bi", moved - still, weight, direction.to(device).float())
    heat = share.relu().unflatten(1, model.patch_embed.grid_size)[:, None]
    return LayerAttribution.interpolate(heat, motion.shape[-2:], "bilinear").squeeze(1).to(motion.device)


def symmetric_attention_index(heat: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    r"""How alike the two halves of a map are, $1 - \sum |H - H'| / \sum (H + H')$ with $H'$ mirrored.

    1 for a symmetric map, 0 for one confined to one half, NaN for a map that is zero everywhere.
    """
    mirrored = heat.flip(-1)
    return 1 - (heat - mirrored).abs().sum((1, 2)) / (heat + mirrored).sum((1, 2))
